"""Nests of loops over elements of arrays, as machine code: XLA's fusion, for what replays need.

A kernel computes many elementwise operations of one shape in a single pass: operands may be
broadcast or strided, what only the kernel itself reads stays in registers, and sums and extremes
over axes are taken along the way. Lengths and strides are written into the text, so that short
axes are straight code. Values are vectors of eight; what is left over of an axis is done with a
mask.

Elementwise arithmetic is that of IEEE and never contracted. Sums are taken in the order that suits
the processor, and the functions of ``vector_functions`` are right to a few units in the last place:
who asks for the bits of NumPy leaves both out.
"""

# llvmlite carries no types.
# mypy: ignore-errors
from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from llvmlite import binding

from .machine import _double, _target
from .vector_functions import DECLARATIONS, FUNCTIONS, WIDTH, Builder, V, splat

B = f"<{WIDTH} x i1>"
MOST_UNROLLED = 4  # vectors of the innermost axis that are written one after the other
Place = tuple[str, int]  # ("a", k): array k; ("n", k): number k; ("v", k): what operation k gives

_ARITHMETIC = {
    np.add: "fadd {t} {}, {}", np.subtract: "fsub {t} {}, {}", np.multiply: "fmul {t} {}, {}",
    np.divide: "fdiv {t} {}, {}", np.negative: "fneg {t} {}", np.square: "fmul {t} {0}, {0}",
    np.reciprocal: "fdiv {t} {one}, {}",
    np.sqrt: "call {t} @llvm.sqrt.{s}({t} {})", np.absolute: "call {t} @llvm.fabs.{s}({t} {})",
}  # fmt: skip
_ORDERS = {
    np.less: "olt", np.less_equal: "ole", np.greater: "ogt", np.greater_equal: "oge",
    np.equal: "oeq", np.not_equal: "une",
}  # fmt: skip
_LOGIC = {
    np.logical_and: "and", np.bitwise_and: "and", np.logical_or: "or", np.bitwise_or: "or",
    np.logical_xor: "xor", np.bitwise_xor: "xor",
}  # fmt: skip
_NOT = (np.logical_not, np.invert)
EXACT = {*_ARITHMETIC, *_ORDERS, *_LOGIC, *_NOT, "where"}
INEXACT = {*FUNCTIONS, np.maximum, np.minimum}
IDENTITY = {np.add: 0.0, np.maximum: -np.inf, np.minimum: np.inf}


class Strided(NamedTuple):
    """How an array lies along the axes of a kernel.

    Attributes:
        strides: in bytes, for each axis; 0 where it is broadcast or reduced.
        kind: "d" or "?", doubles or truth values.
    """

    strides: tuple[int, ...]
    kind: str


class Operation(NamedTuple):
    """One operation of a kernel: a ufunc or "where" or another of the forms, and its operands."""

    form: Any
    operands: tuple[Place, ...]


@dataclass(frozen=True)
class Kernel:
    """What a kernel computes.

    Attributes:
        lengths: of its axes, the innermost last.
        arrays: those that are read.
        numbers: how many numbers are read.
        operations: in their order.
        outs: the values that are written to arrays.
        sums: likewise, values that are combined by np.add, np.maximum or np.minimum.
    """

    lengths: tuple[int, ...]
    arrays: tuple[Strided, ...]
    numbers: int
    operations: tuple[Operation, ...]
    outs: tuple[tuple[Place, Strided], ...]
    sums: tuple[tuple[Any, Place, Strided], ...]

    def compiled(self) -> tuple[Any, int]:
        """The machine code, and the address of ``char run(void **addresses)``: of the arrays, the
        numbers, the outs and the sums.

        Raises:
            RuntimeError: this version of LLVM does not take the text.
        """
        return _compiled("\n".join(_Text(self).module()))


@functools.lru_cache(256)
def _compiled(text: str) -> tuple[Any, int]:
    engine = binding.create_mcjit_compiler(binding.parse_assembly(text), _target())
    engine.finalize_object()
    return engine, engine.get_function_address("run")


class _Text(Builder):
    """The text of a kernel in LLVM's assembly."""

    def __init__(self, kernel: Kernel) -> None:
        super().__init__()
        self.k = kernel
        self.slots = [
            *kernel.arrays, *[Strided((0,) * len(kernel.lengths), "d")] * kernel.numbers,
            *[place for _, place in kernel.outs], *[place for _, _, place in kernel.sums],
        ]  # fmt: skip
        self.first_out = len(kernel.arrays) + kernel.numbers
        self.first_sum = self.first_out + len(kernel.outs)
        self.labels = 0

    def module(self) -> Iterator[str]:
        pointers = self._entry()
        self._nest(0, pointers)
        self.lines.append("  ret i8 0\n}")
        yield DECLARATIONS
        yield "define i8 @run(ptr %table) {\nentry:"
        yield from self.lines

    def _entry(self) -> list[str]:
        self.block = "entry"
        pointers = []
        for k in range(len(self.slots)):
            at = self.new(f"getelementptr ptr, ptr %table, i64 {k}")
            pointers.append(self.new(f"load ptr, ptr {at}"))
        self.numbers = [
            self._splat(self.new(f"load double, ptr {pointers[len(self.k.arrays) + n]}"))
            for n in range(self.k.numbers)
        ]
        for k, (ufunc, _, place) in enumerate(self.k.sums, self.first_sum):
            if self._kept_in_memory(place):
                self._fill(pointers[k], self._elements(place), IDENTITY[ufunc])
        return pointers

    def _splat(self, number: str) -> str:
        one = self.new(f"insertelement {V} poison, double {number}, i32 0")
        return self.new(f"shufflevector {V} {one}, {V} poison, <{WIDTH} x i32> zeroinitializer")

    def _kept_in_memory(self, place: Strided) -> bool:
        """Whether an outer axis is reduced, so that each element is added to again and again."""
        return any(s == 0 for s in place.strides[:-1])

    def _elements(self, place: Strided) -> int:
        return int(np.prod([n for n, s in zip(self.k.lengths, place.strides, strict=True) if s],
                           dtype=int))  # fmt: skip

    def _fill(self, pointer: str, count: int, value: float) -> None:
        with_index = self._loop(count)
        at = self.new(f"getelementptr double, ptr {pointer}, i64 {with_index}")
        self.lines.append(f"  store double {_double(value)}, ptr {at}")
        self._end_loop()

    # Loops

    def _loop(self, count: int, step: int = 1, carried: Sequence[tuple[str, str]] = ()) -> str:
        """Begin a loop; values that are carried from round to round are given as (type, first)."""
        self.labels += 1
        name = f"l{self.labels}"
        self.stack = [*getattr(self, "stack", []), (name, step, len(self.lines) + 2, self.block)]
        self.lines += [f"  br label %{name}", f"{name}:"]
        self.lines.append("")  # the index, when the last block is known
        self.carried = []
        for n, (_kind, _first) in enumerate(carried):
            self.lines.append("")
            self.carried.append(f"%{name}c{n}")
        self.lines += [
            f"  %{name}m = icmp slt i64 %{name}i, {count}",
            f"  br i1 %{name}m, label %{name}b, label %{name}e", f"{name}b:",
        ]  # fmt: skip
        self.block = f"{name}b"
        self._kinds = carried
        return f"%{name}i"

    def _end_loop(self, carried: Sequence[str] = (), first: Sequence[tuple[str, str]] = ()) -> None:
        name, step, at, before = self.stack.pop()
        self.lines.append(f"  %{name}n = add i64 %{name}i, {step}")
        self.lines[at] = f"  %{name}i = phi i64 [ 0, %{before} ], [ %{name}n, %{self.block} ]"
        for n, (value, (kind, initial)) in enumerate(zip(carried, first, strict=True)):
            self.lines[at + 1 + n] = (
                f"  %{name}c{n} = phi {kind} [ {initial}, %{before} ], [ {value}, %{self.block} ]"
            )
        self.lines += [f"  br label %{name}", f"{name}e:"]
        self.block = f"{name}e"

    def _nest(self, axis: int, pointers: list[str]) -> None:
        if axis == len(self.k.lengths) - 1:
            self._row(pointers)
            return
        index = self._loop(self.k.lengths[axis])
        moved = []
        for pointer, place in zip(pointers, self.slots, strict=True):
            step = place.strides[axis]
            if step:
                offset = self.new(f"mul i64 {index}, {step}")
                pointer = self.new(f"getelementptr i8, ptr {pointer}, i64 {offset}")
            moved.append(pointer)
        self._nest(axis + 1, moved)
        self._end_loop()

    # The innermost axis

    def _row(self, pointers: list[str]) -> None:
        length = self.k.lengths[-1]
        whole, rest = divmod(length, WIDTH)
        self.along = [
            self._broadcast(pointers[k], place) if place.strides[-1] == 0 else None
            for k, place in enumerate(self.k.arrays)
        ]
        totals = [
            (V, splat(IDENTITY[ufunc])) for ufunc, _, place in self.k.sums if not place.strides[-1]
        ]
        found = [first for _, first in totals]
        if whole > MOST_UNROLLED:
            index = self._loop(whole * WIDTH, WIDTH, totals)
            found = self._vector(pointers, index, None, [*self.carried])
            name = self.stack[-1][0]
            self._end_loop(found, totals)
            found = [f"%{name}c{n}" for n in range(len(totals))]
            whole = 0
            start = length - rest
        else:
            start = 0
        for _ in range(whole):
            found = self._vector(pointers, str(start), None, found)
            start += WIDTH
        if rest:
            found = self._vector(pointers, str(start), rest, found)
        self._finish(pointers, found)

    def _broadcast(self, pointer: str, place: Strided) -> str:
        if place.kind == "d":
            return self._splat(self.new(f"load double, ptr {pointer}"))
        byte = self.new(f"load i8, ptr {pointer}")
        bit = self.new(f"icmp ne i8 {byte}, 0")
        one = self.new(f"insertelement {B} poison, i1 {bit}, i32 0")
        return self.new(f"shufflevector {B} {one}, {B} poison, <{WIDTH} x i32> zeroinitializer")

    def _vector(
        self, pointers: list[str], index: str, rest: int | None, totals: list[str]
    ) -> list[str]:
        """Eight elements, or those that are left."""
        mask = None if rest is None else _mask(rest)
        values: dict[Place, tuple[str, str]] = {}
        for k, place in enumerate(self.k.arrays):
            there = self.along[k]
            values["a", k] = (
                there if there is not None else self._load(pointers[k], index, place, mask),
                place.kind,
            )
        for k, number in enumerate(self.numbers):
            values["n", k] = number, "d"
        for k, operation in enumerate(self.k.operations):
            values["v", k] = self._result(operation, [values[p] for p in operation.operands])
        for k, (value, place) in enumerate(self.k.outs, self.first_out):
            self._store(pointers[k], index, place, mask, values[value])
        totals, n = [*totals], 0
        for k, (ufunc, value, place) in enumerate(self.k.sums, self.first_sum):
            x = self._as_number(values[value])
            if place.strides[-1]:
                self._combine_in_memory(ufunc, pointers[k], index, place, mask, x)
                continue
            if mask is not None:
                x = self.new(f"select {B} {mask}, {V} {x}, {V} {splat(IDENTITY[ufunc])}")
            totals[n] = self._combined(ufunc, totals[n], x)
            n += 1
        return totals

    def _at(self, pointer: str, index: str, step: int) -> str:
        offset = str(int(index) * step) if index.isdigit() else self.new(f"mul i64 {index}, {step}")
        return self.new(f"getelementptr i8, ptr {pointer}, i64 {offset}")

    def _lanes(self, at: str, step: int) -> str:
        offsets = ", ".join([f"i64 {k * step}" for k in range(WIDTH)])
        return self.new(f"getelementptr i8, ptr {at}, <{WIDTH} x i64> <{offsets}>")

    def _load(self, pointer: str, index: str, place: Strided, mask: str | None) -> str:
        step = place.strides[-1]
        at = self._at(pointer, index, step)
        kind, suffix, size = ("double", "f64", 8) if place.kind == "d" else ("i8", "i8", 1)
        t, zero = f"<{WIDTH} x {kind}>", "zeroinitializer"
        every = mask or _mask(WIDTH)
        if step != size:
            found = self.new(
                f"call {t} @llvm.masked.gather.v{WIDTH}{suffix}.v{WIDTH}p0(<{WIDTH} x ptr> "
                f"{self._lanes(at, step)}, i32 1, {B} {every}, {t} {zero})"
            )
        elif mask is None:
            found = self.new(f"load {t}, ptr {at}, align 1")
        else:
            found = self.new(
                f"call {t} @llvm.masked.load.v{WIDTH}{suffix}.p0(ptr {at}, i32 1, {B} {mask}, "
                f"{t} {zero})"
            )
        return found if place.kind == "d" else self.new(f"icmp ne {t} {found}, zeroinitializer")

    def _store(
        self, pointer: str, index: str, place: Strided, mask: str | None, value: tuple[str, str]
    ) -> None:
        step = place.strides[-1]
        at = self._at(pointer, index, step)
        if place.kind == "d":
            t, suffix, size, x = V, "f64", 8, self._as_number(value)
        else:
            t, suffix, size = f"<{WIDTH} x i8>", "i8", 1
            x = self.new(f"zext {B} {value[0]} to {t}")
        if step != size:
            self.lines.append(
                f"  call void @llvm.masked.scatter.v{WIDTH}{suffix}.v{WIDTH}p0({t} {x}, "
                f"<{WIDTH} x ptr> {self._lanes(at, step)}, i32 1, {B} {mask or _mask(WIDTH)})"
            )
        elif mask is None:
            self.lines.append(f"  store {t} {x}, ptr {at}, align 1")
        else:
            self.lines.append(
                f"  call void @llvm.masked.store.v{WIDTH}{suffix}.p0({t} {x}, ptr {at}, i32 1, "
                f"{B} {mask})"
            )

    def _combine_in_memory(
        self, ufunc: Any, pointer: str, index: str, place: Strided, mask: str | None, x: str
    ) -> None:
        if self._kept_in_memory(place):
            x = self._combined(ufunc, self._load(pointer, index, place, mask), x)
        self._store(pointer, index, place, mask, (x, "d"))

    def _combined(self, ufunc: Any, a: str, b: str) -> str:
        if ufunc is np.add:
            return self.new(f"fadd {V} {a}, {b}")
        return self._extreme("ogt" if ufunc is np.maximum else "olt", a, b)

    def _extreme(self, order: str, a: str, b: str) -> str:
        """A NaN on either side is the result."""
        c = self.new(f"fcmp {order} {V} {a}, {b}")
        y = self.new(f"select {B} {c}, {V} {a}, {V} {b}")
        nan = self.new(f"fcmp uno {V} {a}, {a}")
        return self.new(f"select {B} {nan}, {V} {a}, {V} {y}")

    def _finish(self, pointers: list[str], totals: list[str]) -> None:
        """Write what has been reduced along the row."""
        n = 0
        for k, (ufunc, _, place) in enumerate(self.k.sums, self.first_sum):
            if place.strides[-1]:
                continue
            one = self._folded(ufunc, totals[n])
            n += 1
            if self._kept_in_memory(place):
                before = self._splat(self.new(f"load double, ptr {pointers[k]}"))
                one = self._combined(ufunc, before, one)
            y = self.new(f"extractelement {V} {one}, i32 0")
            self.lines.append(f"  store double {y}, ptr {pointers[k]}")

    def _folded(self, ufunc: Any, x: str) -> str:
        """A vector whose first element is all of them combined."""
        half = WIDTH // 2
        while half:
            order = ", ".join([f"i32 {(k + half) % WIDTH}" for k in range(WIDTH)])
            other = self.new(f"shufflevector {V} {x}, {V} poison, <{WIDTH} x i32> <{order}>")
            x = self._combined(ufunc, x, other)
            half //= 2
        return x

    # Operations

    def _as_number(self, value: tuple[str, str]) -> str:
        x, kind = value
        return x if kind == "d" else self.new(f"uitofp {B} {x} to {V}")

    def _result(self, operation: Operation, given: list[tuple[str, str]]) -> tuple[str, str]:
        form = operation.form
        if form in _LOGIC:
            return self.new(f"{_LOGIC[form]} {B} {given[0][0]}, {given[1][0]}"), "?"
        if form in _NOT:
            return self.new(f"xor {B} {given[0][0]}, {_mask(WIDTH)}"), "?"
        if form == "where":
            ways = [self._as_number(x) for x in given[1:]]
            return self.new(f"select {B} {given[0][0]}, {V} {ways[0]}, {V} {ways[1]}"), "d"
        x = [self._as_number(v) for v in given]
        if form in _ORDERS:
            return self.new(f"fcmp {_ORDERS[form]} {V} {x[0]}, {x[1]}"), "?"
        if form in (np.maximum, np.minimum):
            return self._extreme("ogt" if form is np.maximum else "olt", *x), "d"
        if form in _ARITHMETIC:
            text = _ARITHMETIC[form].format(*x, t=V, s=f"v{WIDTH}f64", one=splat(1.0))
            return self.new(text), "d"
        function: Callable[..., str] = FUNCTIONS[form]
        return function(self, *x), "d"


def _mask(count: int) -> str:
    return f"<{', '.join([f'i1 {int(k < count)}' for k in range(WIDTH)])}>"
