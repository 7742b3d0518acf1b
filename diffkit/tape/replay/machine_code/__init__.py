"""Loops of machine code over arrays, in LLVM's assembly."""
