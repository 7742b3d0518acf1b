"""The instructions of ``matrix_code``, compiled once for all programs.

They stand in the same code as those of ``array_loops``, which calls ``run_matrix`` for them by its
address: who has no matrices does not wait for it to be compiled. The addresses of NumPy's loops and
of LAPACK's routines are data, so that the code is the same in every process and can be kept on
disk.
"""

# The loops are compiled, and Numba infers their types.
# mypy: ignore-errors
from __future__ import annotations

import functools
from typing import Any

import numpy as np
from llvmlite import ir
from numba import cfunc, types
from numba.extending import intrinsic

from ..numbers.loops import _call, _compiled, _doubles, _ints, _longs, _pointer

GENERALISED, FACTORISED, DETERMINANT, INVERSE, ILL_CONDITIONED, ANY_ZERO = range(6)
GENERALISED_HEAD = 9
DIMENSIONS, ARRAYS, STEPS = 8, 8, 24  # that an inner loop may have
TILE = 16  # rows and columns that are transposed together

_bytes = _pointer(types.uint8)
_byte = ir.IntType(8).as_pointer()


def _procedure(arguments: int) -> Any:
    """A function that calls a procedure of so many pointers by its address."""

    @intrinsic
    def call(typing, procedure, given):
        def generate(context, builder, signature, values):
            kind = ir.FunctionType(ir.VoidType(), [_byte] * arguments)
            pointers = [
                builder.inttoptr(builder.extract_value(values[1], k), _byte)
                for k in range(arguments)
            ]
            builder.call(builder.inttoptr(values[0], kind.as_pointer()), pointers)
            return context.get_dummy_value()

        return types.void(types.int64, types.UniTuple(types.int64, arguments)), generate

    return call


_getrf, _getri = _procedure(6), _procedure(7)


@intrinsic
def _function(typing, function, x):
    """``double function(double)`` at an address."""

    def generate(context, builder, signature, values):
        double = ir.DoubleType()
        kind = ir.FunctionType(double, [double])
        return builder.call(builder.inttoptr(values[0], kind.as_pointer()), [values[1]])

    return types.float64(types.int64, types.float64), generate


@_compiled()
def _generalised(code):
    """The loop of a generalised ufunc, on a stack of matrices; False where it gives up on one.

    The loop and its data; the numbers of arrays, dimensions and strides; where to look for NaN, in
    how many places, how far apart; then the dimensions, strides and addresses.
    """
    arrays, dimensions, steps = code[3], code[4], code[5]
    scratch = np.empty(ARRAYS + DIMENSIONS + STEPS, np.int64)
    here = GENERALISED_HEAD
    for i in range(dimensions):
        scratch[ARRAYS + i] = code[here + i]
    here += dimensions
    for i in range(steps):
        scratch[ARRAYS + DIMENSIONS + i] = code[here + i]
    here += steps
    for i in range(arrays):
        scratch[i] = code[here + i]
    at = scratch.ctypes.data
    _call(code[1], at, at + 8 * ARRAYS, at + 8 * (ARRAYS + DIMENSIONS), code[2])
    scratch[0] = 0  # used to the end, so that the scratch lives as long as its address
    for i in range(code[7]):
        first = _doubles(code[6] + i * code[8])[0]
        if first != first:
            return False
    return True


@_compiled()
def _transposed(source, row, column, target, n):
    """A square matrix of any strides, its columns one after the other."""
    for i in range(0, n, TILE):
        rows = min(i + TILE, n)
        for j in range(0, n, TILE):
            for c in range(j, min(j + TILE, n)):
                for r in range(i, rows):
                    target[c * n + r] = _doubles(source + r * row + c * column)[0]


@_compiled()
def _factorised(code):
    """The routine; the integers of a ``Workspace`` and its pivots; the matrix, its two strides; the
    memory of the factors."""
    n, pivots, target = code[2], code[3], code[7]
    _transposed(code[4], code[5], code[6], _doubles(target), _longs(n)[0])
    _longs(n)[2] = 0
    _getrf(code[1], (n, n, target, n, pivots, n + 16))


@_compiled()
def _determinant(code):
    """The integers, pivots and factors; the bytes of a pivot; the addresses of log, of exp, of the
    result, and of the sign, or 0. The logarithms are added up, as in NumPy; where the sign is asked
    for, it and their sum are the results."""
    integers, factors = _longs(code[1]), _doubles(code[3])
    n, wide = integers[0], code[4] == 8
    odd, total = False, 0.0
    for i in range(n):
        row = _longs(code[2])[i] if wide else _ints(code[2])[i]
        diagonal = factors[i * (n + 1)]
        odd ^= (row != i + 1) ^ (diagonal < 0.0)
        total += _function(code[5], abs(diagonal))
    sign = -1.0 if odd else 1.0
    if integers[2] > 0:
        sign, total = 0.0, -np.inf
    if code[8] != 0:
        _doubles(code[7])[0], _doubles(code[8])[0] = total, sign
    else:
        _doubles(code[7])[0] = sign * _function(code[6], total)


@_compiled()
def _inverse(code):
    """The routine; the integers of a ``Workspace``, its pivots and its work; the factors; the
    result, which is the transpose of the inverse. False for a singular matrix."""
    n, pivots, work, target = code[2], code[3], code[4], code[6]
    integers, factors, result = _longs(n), _doubles(code[5]), _doubles(target)
    if integers[2] != 0:
        return False
    for i in range(integers[0] * integers[0]):
        result[i] = factors[i]
    _getri(code[1], (n, target, n, pivots, work, n + 8, n + 16))
    return integers[2] == 0


@_compiled()
def _row_sum(at, step, n):
    """The sum of absolute values, in eight parts, of which none waits for another."""
    a = b = c = d = e = f = g = h = 0.0
    j = 0
    while j + 8 <= n:
        a += abs(_doubles(at)[0])
        b += abs(_doubles(at + step)[0])
        c += abs(_doubles(at + 2 * step)[0])
        d += abs(_doubles(at + 3 * step)[0])
        e += abs(_doubles(at + 4 * step)[0])
        f += abs(_doubles(at + 5 * step)[0])
        g += abs(_doubles(at + 6 * step)[0])
        h += abs(_doubles(at + 7 * step)[0])
        at += 8 * step
        j += 8
    while j < n:
        a += abs(_doubles(at)[0])
        at += step
        j += 1
    return ((a + b) + (c + d)) + ((e + f) + (g + h))


@_compiled()
def _largest_row_sum(at, row, column, n):
    """The largest of the rows' sums of absolute values; NaN where one is."""
    largest = 0.0
    for i in range(n):
        total = _row_sum(at + i * row, column, n)
        if not total <= largest:
            largest = total
        if largest != largest:
            break
    return largest


@_compiled()
def _largest_column_sum(at, row, n, sums):
    """Likewise of columns, where elements of a row stand side by side."""
    for j in range(n):
        sums[j] = 0.0
    for i in range(n):
        numbers = _doubles(at + i * row)
        for j in range(n):
            sums[j] += abs(numbers[j])
    largest = 0.0
    for j in range(n):
        if not sums[j] <= largest:
            largest = sums[j]
        if largest != largest:
            break
    return largest


@_compiled()
def _ill_conditioned(code):
    """The limit; the number of matrices and their order; memory for sums; the addresses and three
    strides of the matrices, and those of the transposes of their inverses."""
    limit, n, sums = np.float64(code[1]), code[3], _doubles(code[4])
    for m in range(code[2]):
        a = code[5] + m * code[6]
        if code[8] == 8:
            size = _largest_column_sum(a, code[7], n, sums)
        else:
            size = _largest_row_sum(a, code[8], code[7], n)
        b = code[9] + m * code[10]
        if not size * _largest_row_sum(b, code[11], code[12], n) <= limit:
            return True
    return False


@_compiled()
def _any_zero(at, count):
    numbers = _doubles(at)
    zeros = 0
    for k in range(count):
        zeros |= numbers[k] == 0.0
    return zeros != 0


@_compiled()
def _run_matrix(code):
    kind = code[0]
    if kind == GENERALISED:
        return _generalised(code)
    if kind == INVERSE:
        return _inverse(code)
    if kind == FACTORISED:
        _factorised(code)
    elif kind == DETERMINANT:
        _determinant(code)
    elif kind == ILL_CONDITIONED:
        _bytes(code[13])[0] = _ill_conditioned(code)
    elif kind == ANY_ZERO:  # the address, the number of elements, the place of the truth value
        _bytes(code[3])[0] = _any_zero(code[1], code[2])
    return True


def _at(address):
    return np.int8(_run_matrix(_longs(address)))


@functools.cache
def _callback() -> Any:
    signature = types.int8(types.int64)
    try:
        return cfunc(signature, cache=True)(_at)
    except RuntimeError:  # no directory that can be written to
        return cfunc(signature)(_at)


def run_matrix() -> int:
    """The address of ``char run_matrix(int64 *instruction)``: 0 where the replay does not hold."""
    return int(_callback().address)
