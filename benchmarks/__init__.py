"""Measurements of diffkit and of its peers, as ratios taken side by side in one run."""
