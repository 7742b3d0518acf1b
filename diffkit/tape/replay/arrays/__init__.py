"""Replays of programs on arrays: NumPy's own loops and passes of machine code, into buffers."""
