"""Sines and cosines of many numbers at once, within one ulp.

NumPy calls the C library for one double after the other, which takes longer than all else in most
functions that have a sine in them. This loop of machine code does eight at a time, as
``vector_functions`` says. Its error is below 0.8 ulps (``tests/tape/replay/test_sines.py`` measures
it). Where an argument is too hard for it, all are left to NumPy.
"""

# llvmlite carries no types.
# mypy: ignore-errors
from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import binding

from .llvm import target
from .vector_functions import DECLARATIONS, WIDTH, B, Builder, V, turned

_SIGNATURE = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)


@functools.cache
def vectorised(ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    """``np.sin`` or ``np.cos`` as a function of a contiguous vector and another to write into.

    It is the ufunc itself where this version of LLVM does not take the text.
    """
    try:
        module = binding.parse_assembly(_Text(ufunc is np.cos).module())
    except RuntimeError:
        return ufunc
    engine = binding.create_mcjit_compiler(module, target())
    engine.finalize_object()
    run = _SIGNATURE(engine.get_function_address("run"))

    def call(x: Any, out: Any, engine: Any = engine) -> None:
        whole = len(x) // WIDTH * WIDTH
        if run(x.ctypes.data, out.ctypes.data, whole):
            ufunc(x[whole:], out[whole:])
        else:
            ufunc(x, out)

    return call


class _Text(Builder):
    """The loop in LLVM's assembly."""

    def __init__(self, cosine: bool) -> None:
        super().__init__()
        self.cosine = cosine

    def module(self) -> str:
        y, bad = turned(self, "%given", self.cosine)
        return "\n".join([
            DECLARATIONS,
            "define zeroext i1 @run(ptr %x, ptr %out, i64 %count) {",
            "entry:\n  br label %head\nhead:",
            "  %i = phi i64 [ 0, %entry ], [ %next, %body ]",
            f"  %bad = phi {B} [ zeroinitializer, %entry ], [ %worse, %body ]",
            "  %more = icmp slt i64 %i, %count",
            "  br i1 %more, label %body, label %end\nbody:",
            "  %from = getelementptr double, ptr %x, i64 %i",
            f"  %given = load {V}, ptr %from, align 1",
            *self.lines,
            f"  %worse = or {B} %bad, {bad}",
            "  %to = getelementptr double, ptr %out, i64 %i",
            f"  store {V} {y}, ptr %to, align 1",
            f"  %next = add i64 %i, {WIDTH}",
            "  br label %head\nend:",
            f"  %some = call i1 @llvm.vector.reduce.or.v{WIDTH}i1({B} %bad)",
            "  %good = xor i1 %some, true\n  ret i1 %good\n}",
        ])  # fmt: skip
