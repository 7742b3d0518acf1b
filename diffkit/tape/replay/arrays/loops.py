"""The interpreter of ``code``, compiled once for all programs. Importing it imports Numba.

An instruction is a few 64-bit integers: its kind, its length, and then, for an operation on
elements, the inner loop and its data, the number of arrays, the number of outer axes, the elements
of the inner axis, a stride and an address for each array, and for each outer axis its length and a
stride for each array. Strides are in bytes. What the other kinds hold stands beside them.
"""

# The loops are compiled, and Numba infers their types.
# mypy: ignore-errors
from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from ..numbers.loops import _call, _compiled, _doubles, _longs, _pointer
from ..numbers.loops import _run as _call_machine_code

END, LOOP, SELECT, CONVERT, MATMUL, FILL, COUNT, GUARD, NUMBER_GUARD, FINITE = range(10)
KERNEL, MATRIX = 10, 11
HEAD = 7  # integers of an operation on elements before its strides
AXES = 32  # NumPy has up to 64 axes, few of which are left when those that can be are joined
ARRAYS = 8  # that an operation may have

# The scratch memory: the addresses and strides that an inner loop is given, the number of elements
# (of a product of matrices four numbers and nine strides), and the place on each outer axis.
_COUNT, _STEPS, _PLACES, _SCRATCH = ARRAYS, ARRAYS + 8, ARRAYS + 24, ARRAYS + 24 + AXES

_bytes = _pointer(types.uint8)


@_compiled()
def _select(at, steps, count):
    """The second where the first is true, else the third."""
    for k in range(count):
        chosen = at[1] + k * steps[1]
        if not _bytes(at[0] + k * steps[0])[0]:
            chosen = at[2] + k * steps[2]
        _doubles(at[3] + k * steps[3])[0] = _doubles(chosen)[0]


@_compiled()
def _convert(at, steps, count):
    """Truth values as numbers."""
    for k in range(count):
        _doubles(at[1] + k * steps[1])[0] = np.float64(_bytes(at[0] + k * steps[0])[0] != 0)


@_compiled()
def _elements(code, k, memory, count_at, steps_at):
    """An operation on elements, for all places of the outer axes."""
    arrays, axes, inner = code[k + 4], code[k + 5], code[k + 6]
    at, steps = _longs(memory), _longs(steps_at)
    places = _longs(memory + 8 * _PLACES)
    _longs(count_at)[0] = inner
    for i in range(arrays):
        steps[i] = code[k + HEAD + i]
    for axis in range(axes):
        places[axis] = 0
    first = k + HEAD + arrays
    outer = first + arrays
    while True:
        for i in range(arrays):
            address = code[first + i]
            for axis in range(axes):
                address += places[axis] * code[outer + axis * (arrays + 1) + 1 + i]
            at[i] = address
        if code[k] == LOOP:
            _call(code[k + 2], memory, count_at, steps_at, code[k + 3])
        elif code[k] == SELECT:
            _select(at, steps, inner)
        else:
            _convert(at, steps, inner)
        axis = axes - 1
        while axis >= 0:
            places[axis] += 1
            if places[axis] < code[outer + axis * (arrays + 1)]:
                break
            places[axis] = 0
            axis -= 1
        if axis < 0:
            return


@_compiled()
def _matmul(code, k, memory, count_at, steps_at):
    """The loop, its data; 1, m, n and p; nine strides; three addresses."""
    at, count, steps = _longs(memory), _longs(count_at), _longs(steps_at)
    for i in range(4):
        count[i] = code[k + 4 + i]
    for i in range(9):
        steps[i] = code[k + 8 + i]
    for i in range(3):
        at[i] = code[k + 17 + i]
    _call(code[k + 2], memory, count_at, steps_at, code[k + 3])


@_compiled()
def _all_finite(address, count):
    numbers = _doubles(address)
    bad = 0
    for k in range(count):
        bad |= numbers[k] - numbers[k] != 0.0
    return bad == 0


@_compiled()
def _run(code, address):
    """Run the instructions; False where a guard decides otherwise, or numbers are not finite."""
    scratch = np.empty(_SCRATCH, np.int64)
    memory = scratch.ctypes.data
    count_at, steps_at = memory + 8 * _COUNT, memory + 8 * _STEPS
    k = 0
    while True:
        kind = code[k]
        if kind <= CONVERT and kind != END:
            _elements(code, k, memory, count_at, steps_at)
        elif kind == MATMUL:
            _matmul(code, k, memory, count_at, steps_at)
        elif kind == FILL:  # the address, the number of elements, the bits of the number
            numbers = _longs(code[k + 2])
            for i in range(code[k + 3]):
                numbers[i] = code[k + 4]
        elif kind == COUNT:  # the address of truth values, their number, that of the result
            truths = _bytes(code[k + 2])
            total = 0
            for i in range(code[k + 3]):
                total += truths[i] != 0
            _doubles(code[k + 4])[0] = np.float64(total)
        elif kind == GUARD:  # the address of a truth value, the branch
            if (_bytes(code[k + 2])[0] != 0) != (code[k + 3] != 0):
                break
        elif kind == NUMBER_GUARD:
            if (_doubles(code[k + 2])[0] != 0.0) != (code[k + 3] != 0):
                break
        elif kind == FINITE:  # the address, the number of elements
            if not _all_finite(code[k + 2], code[k + 3]):
                break
        elif kind == KERNEL:  # its address, that of its table
            _call_machine_code(code[k + 2], code[k + 3])
        elif kind == MATRIX:  # the address of ``matrix_loops.run_matrix``, and what it reads
            if _call_machine_code(code[k + 2], address + 8 * (k + 3)) == 0:
                break
        else:
            break
        k += code[k + 1]
    done = code[k] == END
    scratch[0] = 0  # used to the end, so that the scratch lives as long as its address
    return done


@_compiled()
def run(address):
    """Run the instructions at an address."""
    return _run(_longs(address), address)


_SIGNATURE = types.boolean(types.int64)
_entry: Any = None


def entry() -> Any:
    """``run`` as a built-in function, which skips the choice between signatures."""
    global _entry
    if _entry is None:
        run.compile(_SIGNATURE)
        _entry = run.overloads[_SIGNATURE.args].entry_point
    return _entry
