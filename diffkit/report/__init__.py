"""Figures and pages made from an experiment and its table of results."""
