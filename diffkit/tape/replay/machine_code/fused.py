"""Several operations on blocks of doubles in one loop of machine code.

NumPy makes a pass over its operands for each operation, and writes what it computes to memory, or
to the cache at best. Where sums, products, quotients, squares and roots follow each other, the loop
that LLVM makes of them here reads each operand once, keeps what is in between in registers, and
writes only what is used elsewhere. It is written with vectors of doubles, eight at a time, and what
is left over one at a time. Every operation is rounded by IEEE arithmetic and none is contracted, so
that the results are those of NumPy, to the last bit.
"""

# llvmlite carries no types.
# mypy: ignore-errors
from __future__ import annotations

import ctypes
import functools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from llvmlite import binding

from .llvm import double, target

WIDTH = 8
_VECTOR = f"<{WIDTH} x double>"
_FORMS: dict[Any, str] = {
    np.add: "fadd {t} {}, {}",
    np.subtract: "fsub {t} {}, {}",
    np.multiply: "fmul {t} {}, {}",
    np.divide: "fdiv {t} {}, {}",
    np.negative: "fneg {t} {}",
    np.square: "fmul {t} {0}, {0}",
    np.reciprocal: "fdiv {t} {one}, {}",
    np.sqrt: "call {t} @llvm.sqrt.{s}({t} {})",
    np.absolute: "call {t} @llvm.fabs.{s}({t} {})",
}


class Operation(NamedTuple):
    """One operation of a loop.

    Attributes:
        ufunc: one of ``runs.FUSIBLE``.
        operands: ("a", k) for array k, ("n", k) for number k, ("v", k) for what operation k gives.
    """

    ufunc: np.ufunc
    operands: tuple[tuple[str, int], ...]


class FusedLoop:
    """A loop over blocks; threads may run it at the same time.

    Attributes:
        run: takes the address of the addresses of all arrays, those that are read and then those
            that are written; the address of the numbers; and the number of elements. An array that
            is written may be one that is read.
    """

    def __init__(
        self, operations: Sequence[Operation], arrays: int, numbers: int, outs: Sequence[int]
    ) -> None:
        """
        Args:
            operations: in their order.
            arrays: how many arrays are read.
            numbers: how many numbers.
            outs: the operations whose results are written.
        """
        text = "\n".join(_text(operations, arrays, numbers, outs))
        self._engine, address = _compiled(text)
        self.run = _SIGNATURE(address)


_SIGNATURE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)


@functools.lru_cache(256)
def _compiled(text: str) -> tuple[Any, int]:
    engine = binding.create_mcjit_compiler(binding.parse_assembly(text), target())
    engine.finalize_object()
    return engine, engine.get_function_address("run")


def _text(
    operations: Sequence[Operation], arrays: int, numbers: int, outs: Sequence[int]
) -> Iterator[str]:
    """The loop in LLVM's assembly."""
    for kind, suffix in ((_VECTOR, f"v{WIDTH}f64"), ("double", "f64")):
        yield f"declare {kind} @llvm.sqrt.{suffix}({kind})"
        yield f"declare {kind} @llvm.fabs.{suffix}({kind})"
    yield "define void @run(ptr %arrays, ptr %numbers, i64 %count) {\nentry:"
    for k in range(arrays + len(outs)):
        yield f"  %at{k} = getelementptr ptr, ptr %arrays, i64 {k}"
        yield f"  %p{k} = load ptr, ptr %at{k}"
    for k in range(numbers):
        yield f"  %nat{k} = getelementptr double, ptr %numbers, i64 {k}"
        yield f"  %sn{k} = load double, ptr %nat{k}"
        yield f"  %in{k} = insertelement {_VECTOR} poison, double %sn{k}, i32 0"
        yield (
            f"  %vn{k} = shufflevector {_VECTOR} %in{k}, {_VECTOR} poison, "
            f"<{WIDTH} x i32> zeroinitializer"
        )
    yield f"  %whole = and i64 %count, -{WIDTH}"
    yield from _loop("v", "entry", "s", "0", "%whole", WIDTH, operations, arrays, outs)
    yield from _loop("s", "vhead", "end", "%whole", "%count", 1, operations, arrays, outs)
    yield "end:\n  ret void\n}"


def _loop(
    name: str, before: str, after: str, first: str, stop: str, step: int,
    operations: Sequence[Operation], arrays: int, outs: Sequence[int],
) -> Iterator[str]:  # fmt: skip
    """One of the two loops: its values are called after it."""
    kind = _VECTOR if step > 1 else "double"
    suffix = f"v{WIDTH}f64" if step > 1 else "f64"
    ones = ", ".join([f"double {double(1.0)}"] * WIDTH)
    one = f"<{ones}>" if step > 1 else double(1.0)
    if name == "v":
        yield "  br label %vhead"
    target = "shead" if after == "s" else after
    yield f"{name}head:"
    yield f"  %{name}i = phi i64 [ {first}, %{before} ], [ %{name}next, %{name}body ]"
    yield f"  %{name}more = icmp slt i64 %{name}i, {stop}"
    yield f"  br i1 %{name}more, label %{name}body, label %{target}"
    yield f"{name}body:"
    for k in range(arrays):
        yield f"  %{name}q{k} = getelementptr double, ptr %p{k}, i64 %{name}i"
        yield f"  %{name}a{k} = load {kind}, ptr %{name}q{k}, align 1"
    for k, (ufunc, operands) in enumerate(operations):
        given = [f"%{name}{sort}{n}" for sort, n in operands]
        yield f"  %{name}v{k} = " + _FORMS[ufunc].format(*given, t=kind, s=suffix, one=one)
    for k, operation in enumerate(outs, arrays):
        yield f"  %{name}q{k} = getelementptr double, ptr %p{k}, i64 %{name}i"
        yield f"  store {kind} %{name}v{operation}, ptr %{name}q{k}, align 1"
    yield f"  %{name}next = add i64 %{name}i, {step}"
    yield f"  br label %{name}head"
