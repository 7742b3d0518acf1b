"""Replays of programs on numbers: generated Python, a compiled loop, machine code."""
