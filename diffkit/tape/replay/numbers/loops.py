"""The native loops: compiled once, they run every program on numbers.

A program is a vector of instructions, each of four 32-bit integers: an operation, the slot of its
result and the slots of two operands. A third operand, or the number of an inner loop, stands in the
upper 24 bits of the first. What the operations do stands in ``_steps``.

NumPy's own inner loops (those of exp, tanh and so on) are called by their address, so that they
round as they do elsewhere. Addresses are data and not code: that is what lets the compiled loops be
kept on disk, for every program to come.

Importing this module imports Numba.
"""

# The loops are compiled, and Numba infers their types.
# mypy: ignore-errors
from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

END, GUARD, COPY, NEGATIVE, ABSOLUTE, SQRT, SQUARE, RECIPROCAL = range(8)
ADD, SUBTRACT, MULTIPLY, DIVIDE, SIN, COS, POW, POW_TWO = range(8, 16)
MULTIPLY_ADD, MULTIPLY_SUBTRACT, SUBTRACT_PRODUCT = range(16, 19)
LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, EQUAL, NOT_EQUAL = range(19, 25)
AND, OR, XOR, NOT, WHERE = range(25, 30)
FINITE, NAN, INFINITE, SIGNBIT = range(30, 34)
CALL_1, CALL_2 = range(34, 36)

# The head of a program, a vector of 64-bit integers: addresses and numbers of elements.
CODE, FUNCTIONS, CONSTANTS, CONSTANT_COUNT, INPUTS, SLOTS, OUTPUTS, OUTPUT_COUNT = range(8)
MACHINE_CODE = 8  # 0 where there is none

# In front of the slots: the arguments of an inner loop, of one operand and of two; the number of
# elements and the strides, both as NumPy passes them for numbers; the operands and the result,
# apart from each other, because loops take another path where they touch.
_ONE, _TWO, _COUNT, _STRIDES = 0, 2, 5, 6
_FIRST, _SECOND, _RESULT, FRONT = 16, 24, 32, 40

_byte = ir.IntType(8).as_pointer()


def _pointer(kind: Any) -> Any:
    """A function that takes an address for a pointer to numbers of a kind."""

    @intrinsic
    def pointer(typing, address):
        def generate(context, builder, signature, args):
            return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

        return types.CPointer(kind)(types.int64), generate

    return pointer


_STEP = -7046029254386353130  # of a fingerprint: even, about 2**64 over the golden ratio

_doubles, _longs, _ints = map(_pointer, (types.float64, types.int64, types.int32))
_bytes = _pointer(types.uint8)


@intrinsic
def _call(typing, loop, args, count, strides, data):
    """``loop(char **args, npy_intp *count, npy_intp *strides, void *data)``, all addresses."""

    def generate(context, builder, signature, values):
        kind = ir.FunctionType(ir.VoidType(), [_byte] * 4)
        pointers = [builder.inttoptr(v, _byte) for v in values[1:]]
        builder.call(builder.inttoptr(values[0], kind.as_pointer()), pointers)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 5), generate


@intrinsic
def _run(typing, machine_code, memory):
    """``char machine_code(char *memory)``; see ``machine``."""

    def generate(context, builder, signature, values):
        kind = ir.FunctionType(ir.IntType(8), [_byte])
        code = builder.inttoptr(values[0], kind.as_pointer())
        return builder.call(code, [builder.inttoptr(values[1], _byte)])

    return types.int8(types.int64, types.int64), generate


@intrinsic
def _fma(typing, a, b, c):
    """a b + c, rounded once."""

    def generate(context, builder, signature, values):
        return builder.fma(*values)

    return types.float64(*[types.float64] * 3), generate


def _compiled(**options: Any) -> Any:
    """Compile on the first call, and keep the result on disk where that is possible."""

    def decorate(fn):
        options.update(nogil=True, error_model="numpy")
        try:
            return njit(cache=True, **options)(fn)
        except RuntimeError:  # no directory that can be written to
            return njit(**options)(fn)

    return decorate


@_compiled()
def _pow_two(a, two):
    """``pow(a, 2.0)``, which now and then rounds otherwise than a * a.

    A good ``pow`` can do so only where a * a lies close to the middle between two doubles. The
    remainder of the product, which fma gives exactly, says how close; 1/18 of an ulp is far beyond
    the errors of the common libraries before they round (2/1000 were seen in glibc).
    """
    square = a * a
    remainder = _fma(a, a, -square)
    if 1e-250 < square < np.inf and square + remainder * 1.125 == square:
        return square
    return math.pow(a, two)  # the compiler would make a square of pow(a, 2.0)


@_compiled()
def _steps(code, functions, memory):
    """Run the instructions on the slots in memory; False where a guard decides otherwise."""
    x = _doubles(memory + 8 * FRONT)
    front = _doubles(memory)
    k = 0
    while True:
        word, out = code[k], code[k + 1]
        a, b = x[code[k + 2]], x[code[k + 3]]
        operation, c = word & 255, word >> 8
        k += 4
        if operation == MULTIPLY:
            x[out] = a * b
        elif operation == ADD:
            x[out] = a + b
        elif operation == SUBTRACT:
            x[out] = a - b
        elif operation == MULTIPLY_ADD:
            x[out] = a * b + x[c]
        elif operation == MULTIPLY_SUBTRACT:
            x[out] = a * b - x[c]
        elif operation == SUBTRACT_PRODUCT:
            x[out] = x[c] - a * b
        elif operation == DIVIDE:
            x[out] = a / b
        elif operation == NEGATIVE:
            x[out] = -a
        elif operation == ABSOLUTE:
            x[out] = abs(a)
        elif operation == SQRT:
            x[out] = math.sqrt(a)
        elif operation == SQUARE:
            x[out] = a * a
        elif operation == RECIPROCAL:
            x[out] = 1.0 / a
        elif operation == COPY:
            x[out] = a
        elif operation == POW:
            x[out] = math.pow(a, b)
        elif operation == POW_TWO:
            x[out] = _pow_two(a, b)
        elif operation == SIN:
            x[out] = math.sin(a)
        elif operation == COS:
            x[out] = math.cos(a)
        elif operation == LESS:
            x[out] = np.float64(a < b)
        elif operation == LESS_EQUAL:
            x[out] = np.float64(a <= b)
        elif operation == GREATER:
            x[out] = np.float64(a > b)
        elif operation == GREATER_EQUAL:
            x[out] = np.float64(a >= b)
        elif operation == EQUAL:
            x[out] = np.float64(a == b)
        elif operation == NOT_EQUAL:
            x[out] = np.float64(a != b)
        elif operation == AND:
            x[out] = np.float64((a != 0.0) & (b != 0.0))
        elif operation == OR:
            x[out] = np.float64((a != 0.0) | (b != 0.0))
        elif operation == XOR:
            x[out] = np.float64((a != 0.0) != (b != 0.0))
        elif operation == NOT:
            x[out] = np.float64(a == 0.0)
        elif operation == WHERE:
            x[out] = b if a != 0.0 else x[c]
        elif operation == FINITE:
            x[out] = np.float64(a - a == 0.0)
        elif operation == NAN:
            x[out] = np.float64(a != a)
        elif operation == INFINITE:
            x[out] = np.float64(abs(a) == np.inf)
        elif operation == SIGNBIT:
            x[out] = np.float64(math.copysign(1.0, a) < 0.0)
        elif operation == CALL_1:
            front[_FIRST] = a
            _call(
                functions[2 * c],
                memory + 8 * _ONE,
                memory + 8 * _COUNT,
                memory + 8 * _STRIDES + 8,
                functions[2 * c + 1],
            )
            x[out] = front[_RESULT]
        elif operation == CALL_2:
            front[_FIRST] = a
            front[_SECOND] = b
            _call(
                functions[2 * c],
                memory + 8 * _TWO,
                memory + 8 * _COUNT,
                memory + 8 * _STRIDES,
                functions[2 * c + 1],
            )
            x[out] = front[_RESULT]
        elif operation == GUARD:
            if (a != 0.0) != (out != 0):
                return False
        else:
            return True


@_compiled()
def _prepare(memory):
    """Set up what stands in front of the slots."""
    front = _longs(memory)
    front[_ONE], front[_ONE + 1] = memory + 8 * _FIRST, memory + 8 * _RESULT
    front[_TWO], front[_TWO + 1] = memory + 8 * _FIRST, memory + 8 * _SECOND
    front[_TWO + 2] = memory + 8 * _RESULT
    front[_COUNT] = 1
    front[_STRIDES], front[_STRIDES + 1], front[_STRIDES + 2] = 0, 0, 8


@_compiled()
def run_once(program, point, results):
    """Run the program whose head is at an address; False where a guard decides otherwise."""
    head = _longs(program)
    buffer = np.empty(FRONT + head[SLOTS])
    memory = buffer.ctypes.data
    _prepare(memory)
    x = buffer[FRONT:]  # used to the end, so that the buffer lives as long as its address
    constants = _doubles(head[CONSTANTS])
    first = head[CONSTANT_COUNT]
    for k in range(first):
        x[k] = constants[k]
    for k in range(head[INPUTS]):
        x[first + k] = point[k]
    if head[MACHINE_CODE] != 0:
        taken = _run(head[MACHINE_CODE], memory) != 0
    else:
        taken = _steps(_ints(head[CODE]), _longs(head[FUNCTIONS]), memory)
    outputs = _ints(head[OUTPUTS])
    for k in range(head[OUTPUT_COUNT]):
        results[k] = x[outputs[k]]
    return taken


@_compiled()
def _all_finite(numbers):
    bad = 0
    for k in range(len(numbers)):
        bad |= numbers[k] - numbers[k] != 0.0  # vectorised, as the order does not matter
    return bad == 0


@_compiled()
def run_checked(program, point, results):
    """As ``run_once``; False as well where the point or a result is not finite."""
    return _all_finite(point) and run_once(program, point, results) and _all_finite(results)


@_compiled()
def run_many(program, points, results, taken):
    """Run the program at each row of points."""
    for k in range(len(points)):
        taken[k] = run_once(program, points[k], results[k])


@_compiled()
def fingerprint(address, count):
    """A number that tells whether 64-bit words have changed; see ``watching``."""
    words = _longs(address)
    total = 0
    for k in range(count):
        word = words[k]
        total += (word ^ ((word >> 32) & 0xFFFFFFFF)) * (k * _STEP + 1)
    return total


@_compiled()
def same_bytes(table, count):
    """Whether memory is what it was: rows of an address, that of a copy, the number of bytes, and,
    where there is no copy, the fingerprint."""
    rows = _longs(table)
    for k in range(0, 4 * count, 4):
        words = rows[k + 2] >> 3
        if not rows[k + 1]:
            if fingerprint(rows[k], words) != rows[k + 3]:
                return False
            continue
        a, b = _longs(rows[k]), _longs(rows[k + 1])
        different = 0
        for i in range(words):
            different |= a[i] ^ b[i]
        ends, others = _bytes(rows[k]), _bytes(rows[k + 1])
        for i in range(words << 3, rows[k + 2]):
            different |= ends[i] ^ others[i]
        if different != 0:
            return False
    return True


_VECTOR = types.Array(types.float64, 1, "A")
_SIGNATURES = {
    same_bytes: types.boolean(types.int64, types.int64),
    run_once: types.boolean(types.int64, _VECTOR, types.float64[::1]),
    run_checked: types.boolean(types.int64, _VECTOR, types.float64[::1]),
    run_many: types.void(types.int64, types.float64[:, ::1], types.float64[:, ::1],
                         types.boolean[::1]),
}  # fmt: skip


@functools.cache
def entry(loop: Any) -> Any:
    """A loop as a built-in function: calling it skips the choice between signatures, which would
    cost more than a small program. Its arguments must therefore have exactly the right types."""
    loop.compile(_SIGNATURES[loop])
    return loop.overloads[_SIGNATURES[loop].args].entry_point
