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
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from llvmlite import binding

from .llvm import double, target
from .vector_functions import (
    DECLARATIONS,
    FUNCTIONS,
    INTEGERS,
    WIDTH,
    Builder,
    V,
    splat,
    whole,
)

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
EXACT = {*_ARITHMETIC, *_ORDERS, *_LOGIC, *_NOT, "where", "pad"}
INEXACT = {*FUNCTIONS, np.maximum, np.minimum}
IDENTITY = {np.add: 0.0, np.maximum: -np.inf, np.minimum: np.inf}


class Strided(NamedTuple):
    """How an array lies along the axes of a kernel.

    Attributes:
        strides: in bytes, for each axis; 0 where it is broadcast or reduced.
        kind: "d" or "?", doubles or truth values.
        window: for each axis where the array begins and ends; it is 0 elsewhere. None for an array
            that is everywhere.
    """

    strides: tuple[int, ...]
    kind: str
    window: tuple[tuple[int, int], ...] | None = None


class Operation(NamedTuple):
    """One operation of a kernel: a ufunc, "where" or another of the forms, and its operands.

    What "pad" gives is an array that has a window.
    """

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
        return _compiled(self)


@functools.lru_cache(256)
def _compiled(kernel: Kernel) -> tuple[Any, int]:
    """Of equal kernels, as each step of a loop has them, one is written out."""
    text = "\n".join(_Text(kernel).module())
    engine = binding.create_mcjit_compiler(binding.parse_assembly(text), target())
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
        self.inside: dict[int, str] = {}  # whether an array with a window is there, by outer axes
        self.held: dict[tuple[int, int], str] = {}  # of sums, and of which vector of the row
        self.vectors = -(-kernel.lengths[-1] // WIDTH)
        self.short = kernel.lengths[-1] // WIDTH <= MOST_UNROLLED

    def module(self) -> Iterator[str]:
        pointers = self._entry()
        self._nest(0, pointers)
        self.lines.append("  ret i8 0\n}")
        yield DECLARATIONS
        yield "define i8 @run(ptr %table) {\nentry:"
        yield from self.lines

    def _entry(self) -> list[str]:
        self.block, self.loops = "entry", []
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
        return any(s == 0 for s in place.strides[: -2 if self._held_by_rows(place) else -1])

    def _held_by_rows(self, place: Strided) -> bool:
        """Whether the axis before the innermost is reduced, and that is done in registers."""
        return self.short and len(self.k.lengths) > 1 and place.strides[-2] == 0

    def _elements(self, place: Strided) -> int:
        return int(np.prod([n for n, s in zip(self.k.lengths, place.strides, strict=True) if s],
                           dtype=int))  # fmt: skip

    def _fill(self, pointer: str, count: int, value: float) -> None:
        index, _ = self._loop(count)
        at = self.new(f"getelementptr double, ptr {pointer}, i64 {index}")
        self.lines.append(f"  store double {double(value)}, ptr {at}")
        self._end_loop()

    # Loops

    def _loop(self, count: int, step: int = 1, carried: Sequence[str] = ()) -> tuple[str, Any]:
        """Begin a loop that carries vectors from round to round, given their first values.

        Returns:
            The index, and the names of the vectors within the loop and after it.
        """
        self.labels += 1
        name = f"l{self.labels}"
        self.loops.append((name, step, len(self.lines) + 2, self.block, carried))
        self.lines += [f"  br label %{name}", f"{name}:", *[""] * (1 + len(carried))]
        self.lines += [
            f"  %{name}m = icmp slt i64 %{name}i, {count}",
            f"  br i1 %{name}m, label %{name}b, label %{name}e", f"{name}b:",
        ]  # fmt: skip
        self.block = f"{name}b"
        return f"%{name}i", [f"%{name}c{n}" for n in range(len(carried))]

    def _end_loop(self, carried: Sequence[str] = ()) -> None:
        name, step, at, before, first = self.loops.pop()
        self.lines.append(f"  %{name}n = add i64 %{name}i, {step}")
        self.lines[at] = f"  %{name}i = phi i64 [ 0, %{before} ], [ %{name}n, %{self.block} ]"
        for n, (value, initial) in enumerate(zip(carried, first, strict=True)):
            self.lines[at + 1 + n] = (
                f"  %{name}c{n} = phi {V} [ {initial}, %{before} ], [ {value}, %{self.block} ]"
            )
        self.lines += [f"  br label %{name}", f"{name}e:"]
        self.block = f"{name}e"

    def _nest(self, axis: int, pointers: list[str]) -> None:
        if axis == len(self.k.lengths) - 1:
            self._row(pointers)
            return
        held = self._begun(
            [k for k, (_, _, place) in self._sums() if self._held_by_rows(place)]
            if axis == len(self.k.lengths) - 2 else []
        )  # fmt: skip
        index, names = self._loop(self.k.lengths[axis], 1, [*held.values()])
        self.held.update(zip(held, names, strict=True))
        moved = []
        for k, (pointer, place) in enumerate(zip(pointers, self.slots, strict=True)):
            if place.window is not None:
                self._enter(k, index, axis)
            step = place.strides[axis]
            if step:
                offset = self.new(f"mul i64 {index}, {step}")
                pointer = self.new(f"getelementptr i8, ptr {pointer}, i64 {offset}")
            moved.append(pointer)
        self._nest(axis + 1, moved)
        self._end_loop([self.held[key] for key in held])
        self.held.update(zip(held, names, strict=True))
        self._finish(pointers, held)

    def _enter(self, k: int, index: str, axis: int) -> None:
        """Note whether array k is there, at a place of an outer axis."""
        first, end = self.slots[k].window[axis]
        if (first, end) == (0, self.k.lengths[axis]):
            return
        moved = self.new(f"sub i64 {index}, {first}")
        here = self.new(f"icmp ult i64 {moved}, {end - first}")
        self.inside[k] = here if k not in self.inside else self.new(
            f"and i1 {self.inside[k]}, {here}"
        )  # fmt: skip

    def _sums(self) -> Iterator[tuple[int, tuple[Any, Place, Strided]]]:
        return enumerate(self.k.sums, self.first_sum)

    def _begun(self, sums: Sequence[int]) -> dict[tuple[int, int], str]:
        """Registers for some sums, one for each vector of the row or one for all."""
        found = {}
        for k in sums:
            ufunc, _, place = self.k.sums[k - self.first_sum]
            for n in range(self.vectors if place.strides[-1] else 1):
                found[k, n] = splat(IDENTITY[ufunc])
        return found

    # The innermost axis

    def _row(self, pointers: list[str]) -> None:
        length = self.k.lengths[-1]
        self.along = [
            self._broadcast(pointers[k], place)
            if place.strides[-1] == 0 and place.window is None
            else None
            for k, place in enumerate(self.k.arrays)
        ]
        own = self._begun([k for k, (_, _, place) in self._sums()
                           if not place.strides[-1] and not self._held_by_rows(place)])  # fmt: skip
        whole, rest = divmod(length, WIDTH)
        if self.short:
            self.held.update(own)
            for n in range(whole):
                self._vector(pointers, str(n * WIDTH), n, None)
        else:
            index, names = self._loop(whole * WIDTH, WIDTH, [*own.values()])
            self.held.update(zip(own, names, strict=True))
            self._vector(pointers, index, 0, None)
            self._end_loop([self.held[key] for key in own])
            self.held.update(zip(own, names, strict=True))
        if rest:
            self._vector(pointers, str(length - rest), whole, rest)
        self._finish(pointers, own)

    def _broadcast(self, pointer: str, place: Strided) -> str:
        if place.kind == "d":
            return self._splat(self.new(f"load double, ptr {pointer}"))
        byte = self.new(f"load i8, ptr {pointer}")
        bit = self.new(f"icmp ne i8 {byte}, 0")
        one = self.new(f"insertelement {B} poison, i1 {bit}, i32 0")
        return self.new(f"shufflevector {B} {one}, {B} poison, <{WIDTH} x i32> zeroinitializer")

    def _vector(self, pointers: list[str], index: str, number: int, rest: int | None) -> None:
        """Eight elements, or those that are left."""
        mask = None if rest is None else _mask(rest)
        count = WIDTH if rest is None else rest
        values: dict[Place, tuple[str, str]] = {}
        for k, place in enumerate(self.k.arrays):
            there = self.along[k]
            if place.window is not None:
                there = self._load_window(k, pointers[k], index, count)
            elif there is None:
                there = self._load(pointers[k], index, place, mask)
            values["a", k] = there, place.kind
        for k, constant in enumerate(self.numbers):
            values["n", k] = constant, "d"
        for k, operation in enumerate(self.k.operations):
            values["v", k] = self._result(operation, [values[p] for p in operation.operands])
        for k, (value, place) in enumerate(self.k.outs, self.first_out):
            self._store(pointers[k], index, place, mask, values[value])
        for k, (ufunc, value, place) in self._sums():
            x = self._as_number(values[value])
            key = k, number if place.strides[-1] else 0
            if key not in self.held:
                self._combine_in_memory(ufunc, pointers[k], index, place, mask, x)
                continue
            if mask is not None and not place.strides[-1]:
                x = self.new(f"select {B} {mask}, {V} {x}, {V} {splat(IDENTITY[ufunc])}")
            self.held[key] = self._combined(ufunc, self.held[key], x)

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

    def _load_window(self, k: int, pointer: str, index: str, count: int) -> str:
        """What an array has of eight elements, and zeros elsewhere."""
        place = self.slots[k]
        first, end = place.window[-1]
        if index.isdigit():
            seen = [n < count and first <= int(index) + n < end for n in range(WIDTH)]
            if not any(seen):
                return "zeroinitializer"
            mask = _truths(seen)
        else:
            start = self.new(f"sub i64 {index}, {first}")
            one = self.new(f"insertelement {INTEGERS} poison, i64 {start}, i32 0")
            all_of_it = self.new(f"shufflevector {INTEGERS} {one}, {INTEGERS} poison, "
                                 f"<{WIDTH} x i32> zeroinitializer")  # fmt: skip
            lanes = ", ".join([f"i64 {n}" for n in range(WIDTH)])
            at = self.new(f"add {INTEGERS} {all_of_it}, <{lanes}>")
            mask = self.new(f"icmp ult {INTEGERS} {at}, {whole(end - first)}")
        if k in self.inside:
            one = self.new(f"insertelement {B} poison, i1 {self.inside[k]}, i32 0")
            here = self.new(f"shufflevector {B} {one}, {B} poison, <{WIDTH} x i32> zeroinitializer")
            mask = self.new(f"and {B} {mask}, {here}")
        return self._load(pointer, index, place, mask)

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

    def _finish(self, pointers: list[str], held: Iterable[tuple[int, int]]) -> None:
        """Write what has been reduced in registers."""
        for key in held:
            (k, n), x = key, self.held.pop(key)
            ufunc, _, place = self.k.sums[k - self.first_sum]
            if place.strides[-1]:
                rest = self.k.lengths[-1] - n * WIDTH
                mask = _mask(rest) if rest < WIDTH else None
                self._combine_in_memory(ufunc, pointers[k], str(n * WIDTH), place, mask, x)
                continue
            one = self._folded(ufunc, x)
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
        if form == "pad":
            return given[0]
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
    return _truths([k < count for k in range(WIDTH)])


def _truths(values: Sequence[bool]) -> str:
    return f"<{', '.join([f'i1 {int(v)}' for v in values])}>"
