"""Programs on numbers, run by a loop that was compiled once for all of them.

Running a program costs a few nanoseconds an operation, and compiling one a few microseconds: its
operations are written into an array, which the loop reads. The results are those of the rules to
the last bit. The loop needs Numba, which is the extra ``fast``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from ....errors import MissingPackageError, ShapeError
from ....rules import RULES, Primitive, arithmetic, load_families
from ....rules.elementary import real_sign, sech_squared
from ....rules.selection import where
from ...cores import cores
from ...record import record_many
from ...recording import GUARD
from ..inner_loops import InnerLoop, inner_loop, is_numpys, same_bits, trial_points
from ..program import program
from .scalars import ScalarProgram, ScalarStep, scalar_program

FLOAT64 = np.dtype(np.float64)
BOOLEANS = (bool, np.bool_)
EXACT = 2**53  # integers up to here are doubles
_empty = np.empty  # looked up once, not at each call
MOST_SLOTS = 2**23  # what the upper bits of an instruction can name
MOST_TRANSLATED = 50_000  # instructions of which machine code is made, within a second or two
CHUNK = 64  # points that a thread takes at once, at least


@functools.cache
def available() -> bool:
    """Whether Numba is installed and works with this NumPy; it is imported to find out."""
    return _loops() is not None


@functools.cache
def _loops() -> Any:
    from importlib.util import find_spec

    if find_spec("numba") is None:
        return None
    try:
        from . import loops
    except ImportError:  # for one, Numba does not know NumPy's newest version yet
        return None
    return loops


def compile(scalars: ScalarProgram) -> NativeProgram | None:
    """A program that can be run natively, or None where ``obstacle`` names what is in the way.

    Raises:
        MissingPackageError: Numba is missing.
    """
    try:
        return NativeProgram(*_lowered(scalars))
    except _NotNative:
        return None


def obstacle(scalars: ScalarProgram) -> str | None:
    """Why a program cannot be run natively, in words; None if it can.

    Raises:
        MissingPackageError: Numba is missing.
    """
    try:
        _lowered(scalars)
    except _NotNative as reason:
        return str(reason)
    return None


class _NotNative(Exception):
    """An operation that has no native form."""


class NativeProgram:
    """A program on numbers, ready to run; threads may run it at the same time.

    Args:
        code: (steps, 4) instructions, the last of them END; see ``loops``.
        functions: the inner loops that are called, by their numbers.
        constants: the numbers in the first slots.
        inputs: the number of slots after them, which hold the point.
        slots: the number of all slots.
        outputs: the slot of each result.

    Attributes:
        address, checked: ``checked(address, point, results)`` runs it, and is false where
            ``finite`` gives None; both vectors must be of doubles and of the right lengths.
        results: the number of results.
        instructions, slots: how many.
    """

    __slots__ = (
        "_cold", "_entry", "_head", "_kept", "_shape", "address", "checked", "instructions",
        "results", "slots",
    )  # fmt: skip

    def __init__(
        self, code: Any, functions: Any, constants: Any, inputs: int, slots: int, outputs: Any
    ) -> None:
        self._shape, self.results = (inputs,), len(outputs)
        self.instructions, self.slots = len(code) - 1, slots
        arrays: tuple[Any, ...] = (
            np.ascontiguousarray(code, np.int32),
            np.array([(loop.address, loop.data) for loop in functions], np.int64),
            np.array(constants, np.float64),
            np.array(outputs, np.int32),
        )
        at = [array.ctypes.data for array in arrays]
        head = [*at[:3], len(constants), inputs, slots, at[3], len(outputs), 0]
        self._head = np.array(head, np.int64)
        self._kept = arrays  # addresses alone keep nothing alive
        self.address = self._head.ctypes.data
        self._cold = _calls_before_machine_code(self.instructions)
        self._entry = _loops().entry(_loops().run_once)
        self.checked = _loops().entry(_loops().run_checked)

    def __call__(self, flat: Any) -> Any:
        """The elements of all outputs at a point, or None where a guard decides otherwise.

        Args:
            flat: vector of float64, the elements of all inputs in order.

        Returns:
            A fresh vector. Results that are not finite are returned as they are.
        """
        if flat.dtype is not FLOAT64 or flat.shape != self._shape:
            flat = self._vector(flat)
        results = _empty(self.results)
        return results if self._entry(self.address, flat, results) else None

    def finite(self, flat: Any) -> Any:
        """As a call, but None as well where the point or a result is not finite."""
        if flat.dtype is not FLOAT64 or flat.shape != self._shape:
            flat = self._vector(flat)
        self._cold -= 1
        if not self._cold:
            self.heat()
        results = _empty(self.results)
        return results if self.checked(self.address, flat, results) else None

    @property
    def hot(self) -> bool:
        """Whether it runs as machine code."""
        return bool(self._head[_loops().MACHINE_CODE])

    def heat(self, contracted: bool = False) -> None:
        """Make machine code of the program, for all calls to come.

        That takes as long as many calls take; where there are many, they come to it by themselves.

        Args:
            contracted: see ``MachineCode``; otherwise the results keep their bits.
        """
        from .machine import MachineCode

        code, functions, constants, outputs = self._kept[:4]
        try:
            machine_code = MachineCode(code, functions, constants, outputs, contracted)
        except RuntimeError:  # an LLVM that reads another language; the loop goes on
            return
        self._kept = (*self._kept[:4], machine_code)
        self._head[_loops().MACHINE_CODE] = machine_code.address  # at once: other threads read it

    def _vector(self, flat: Any) -> Any:
        vector = np.asarray(flat, np.float64)
        if vector.shape != self._shape:
            raise ShapeError(f"a point is a vector of {self._shape[0]} numbers, not {vector.shape}")
        return vector

    def batch(self, points: Any) -> tuple[Any, Any]:
        """The program at many points, in as many threads as there are cores.

        Args:
            points: (m, n) array, a point a row.

        Returns:
            Results (m, k), and a vector of m bools: False where a guard decided otherwise, so that
            the row means nothing.
        """
        points = np.ascontiguousarray(points, np.float64)
        if points.ndim != 2 or points.shape[1:] != self._shape:
            raise ShapeError(f"points are (m, {self._shape[0]}), not {points.shape}")
        m = len(points)
        results, taken = np.zeros((m, self.results)), np.zeros(m, bool)
        run = _loops().entry(_loops().run_many)

        def part(first: int) -> None:
            rows = slice(first, first + size)
            run(self.address, points[rows], results[rows], taken[rows])

        size = max(CHUNK, -(-m // (4 * cores())))
        if m <= size or cores() == 1:
            size = m
            part(0)
        else:
            list(_threads().map(part, range(0, m, size)))
        return results, taken


def _calls_before_machine_code(instructions: int) -> int:
    """After how many calls machine code is made: when as much time has gone by as making it takes,
    so that all in all no program takes more than twice the time that it could.

    An instruction takes about 2 ns in the loop, 1 ns in machine code, and 80 microseconds to be
    translated, of which a few milliseconds are the same for all (``benchmarks/prepared.py``).
    """
    return 40_000 if 0 < instructions <= MOST_TRANSLATED else -1


@functools.cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cores(), "diffkit")


# Lowering: from steps to instructions. An instruction is at first a row of five numbers: the
# operation, the slot of its result and those of three operands, -1 where one is missing.


def _lowered(scalars: ScalarProgram) -> tuple[Any, ...]:
    """The arguments of ``NativeProgram``."""
    if not available():
        raise MissingPackageError("running a program natively", "numba", "fast")
    scalars = _expanded(scalars)
    lowering = _Lowering(scalars)
    inputs = sum(int(np.prod(shape, dtype=int)) for shape in scalars.shapes)
    outputs = np.array([k for table in scalars.outputs for k in table.ravel().tolist()], int)
    rows = _fused(np.array(lowering.rows, np.int64).reshape(-1, 5), lowering.slots, outputs)
    place, slots = _places(rows, lowering.slots, inputs, list(scalars.constants), outputs)
    if slots > MOST_SLOTS:
        raise _NotNative(f"it needs {slots} numbers at a time")
    constants = [_constant(value) for value in scalars.constants.values()]
    code = _encoded(rows, place)
    return code, lowering.functions, constants, inputs, slots, place[outputs]


def _constant(value: Any) -> float:
    if type(value) is int and abs(value) > EXACT:
        raise _NotNative(f"the integer {value} is not a float")
    return float(value)


def _kind(value: Any) -> type:
    return float if isinstance(value, float) else type(value)  # NumPy's are as good as Python's


class _Lowering:
    """The rows of a program before slots are shared.

    Attributes:
        rows: the instructions.
        functions: the inner loops that they call.
        slots: the number of slots, of which there are as many as there are values.
    """

    def __init__(self, scalars: ScalarProgram) -> None:
        self.rows: list[tuple[int, ...]] = []
        self.functions: list[InnerLoop] = []
        self.slots = scalars.slots
        self.constants = scalars.constants
        self.kinds: dict[int, Any] = {k: _kind(v) for k, v in scalars.constants.items()}
        operations = _operations()
        add = self.rows.append
        for step in scalars.steps:
            kind = _kind(step.value)
            if kind is not float:
                self.kinds[step.slot] = kind
            native = operations.get((step.rule, kind is float))
            if native is None:
                self._special(step, kind)
            else:
                add((native, step.slot, *step.operands, -1, -1, -1)[:5])

    def _special(self, step: ScalarStep, kind: Any) -> None:
        rule, operands = step.rule, step.operands
        if rule is GUARD:
            self.rows.append((_loops().GUARD, int(step.value), operands[0], -1, -1))
        elif kind is not float:
            raise _NotNative(f"{rule.name} gives {kind.__name__}")
        elif rule is arithmetic.raised:
            self._power(step)
        else:
            self._call(step)

    def _power(self, step: ScalarStep) -> None:
        loops, (a, b) = _loops(), step.operands
        if not {self.kinds.get(a, float), self.kinds.get(b, float)} <= {float, int}:
            raise _NotNative("power of booleans")
        if self.constants.get(b) == 2 and _squares():
            self.rows.append((loops.POW_TWO, step.slot, a, b, -1))
        elif _agrees(loops.POW, arithmetic.raised.fn, 2):
            self.rows.append((loops.POW, step.slot, a, b, -1))
        else:
            raise _NotNative("power rounds otherwise in the C library than in Python")

    def _call(self, step: ScalarStep) -> None:
        rule, operands, loops = step.rule, step.operands, _loops()
        fn = _UFUNCS.get(rule, rule.fn)
        kinds = [self.kinds.get(k, float) for k in operands]
        loop = _verified_loop(fn) if _takes_doubles(fn, kinds) else None
        if loop is None:
            given = ", ".join([kind.__name__ for kind in kinds])
            raise _NotNative(f"{rule.name}({given}) has no inner loop over doubles")
        if loop not in self.functions:
            self.functions.append(loop)
        word = (loops.CALL_1, loops.CALL_2)[len(operands) - 1] | self.functions.index(loop) << 8
        self.rows.append((word, step.slot, *operands, -1, -1)[:5])


@functools.cache
def _operations() -> dict[tuple[Primitive, bool], int]:
    """The operation for a rule, by whether its result is a float; else it is a truth value."""
    load_families()
    n, loops = np, _loops()
    floats: dict[Any, int] = {
        n.add: loops.ADD, n.subtract: loops.SUBTRACT, n.multiply: loops.MULTIPLY,
        n.divide: loops.DIVIDE, n.negative: loops.NEGATIVE, n.positive: loops.COPY,
        n.square: loops.SQUARE, n.reciprocal: loops.RECIPROCAL, n.sqrt: loops.SQRT,
        n.absolute: loops.ABSOLUTE, n.fabs: loops.ABSOLUTE, n.real: loops.COPY,
        n.conjugate: loops.COPY, where.fn: loops.WHERE,
    }  # fmt: skip
    truths: dict[Any, int] = {
        n.less: loops.LESS, n.less_equal: loops.LESS_EQUAL, n.greater: loops.GREATER,
        n.greater_equal: loops.GREATER_EQUAL, n.equal: loops.EQUAL, n.not_equal: loops.NOT_EQUAL,
        n.logical_and: loops.AND, n.bitwise_and: loops.AND, n.logical_or: loops.OR,
        n.bitwise_or: loops.OR, n.logical_xor: loops.XOR, n.bitwise_xor: loops.XOR,
        n.logical_not: loops.NOT, n.invert: loops.NOT, n.isfinite: loops.FINITE,
        n.isnan: loops.NAN, n.isinf: loops.INFINITE, n.signbit: loops.SIGNBIT,
        where.fn: loops.WHERE,
    }  # fmt: skip
    # The C library is faster than NumPy's loop around it, where that is what NumPy uses.
    for fn, operation in ((n.sin, loops.SIN), (n.cos, loops.COS)):
        if _agrees(operation, fn, 1):
            floats[fn] = operation
    return {
        **{(RULES[fn], True): operation for fn, operation in floats.items()},
        **{(RULES[fn], False): operation for fn, operation in truths.items()},
    }


# Rules that are not a ufunc themselves, and the one that gives the same on floats.
_UFUNCS: dict[Primitive, np.ufunc] = {
    real_sign: np.sign,
    RULES[np.round]: np.rint,
    RULES[np.around]: np.rint,
}
if hasattr(np, "fix"):  # deprecated since NumPy 2.5
    _UFUNCS[RULES[np.fix]] = np.trunc


def _takes_doubles(fn: Any, kinds: list[Any]) -> bool:
    """Whether a ufunc computes in doubles when it is given operands of these types."""
    if type(fn) is not np.ufunc or len(kinds) != fn.nin or fn.nout != 1:
        return False
    if all(kind is float for kind in kinds):
        return True
    given: Any = [int if kind is int else np.dtype(kind) for kind in kinds]
    return all(dtype is FLOAT64 for dtype in fn.resolve_dtypes((*given, None)))


@functools.cache
def _squares() -> bool:
    """Whether the operation for ``a ** 2`` gives the bits of Python's, on more points than the
    others: it takes a short cut, and where that is wrong it is so for one number in a thousand."""
    run = NativeProgram([(_loops().POW_TWO, 2, 1, 0), (_loops().END,) * 4], [], [2.0], 1, 3, [2])
    ordinary = np.random.default_rng(0).normal(size=5000)
    points = np.concatenate([ordinary, trial_points(1)[:, 0]])
    with np.errstate(all="ignore"):
        expected = [arithmetic.raised.fn(x, 2.0) for x in points.tolist()]
    return same_bits(run.batch(points[:, None])[0][:, 0], expected)


@functools.cache
def _verified_loop(fn: np.ufunc) -> InnerLoop | None:
    """The inner loop of a ufunc, if it gives what the ufunc gives."""
    loop, loops = inner_loop(fn), _loops()
    if loop is None:
        return None
    call = (loops.CALL_1, loops.CALL_2)[loop.operands - 1]
    return loop if _agrees(call, fn, loop.operands, loop) else None


@functools.cache
def _agrees(operation: int, fn: Callable[..., Any], operands: int, *loop: InnerLoop) -> bool:
    """Whether an operation gives the very bits of a function on the trial points."""
    code = [(operation, 2, 0, operands - 1), (_loops().END, 0, 0, 0)]
    run = NativeProgram(code, loop, [], operands, 3, [2])
    points = trial_points(operands, type(fn) is not np.ufunc or is_numpys(fn))
    with np.errstate(all="ignore"):
        expected = [fn(*point) for point in points.tolist()]
    return same_bits([run(point)[0] for point in points], expected)


# Rules that are Python functions, of which it is known that they take the same way everywhere.
_EXPANDED = {sech_squared}


@functools.cache
def _expansion(rule: Primitive) -> ScalarProgram:
    """What a rule of one operand consists of."""
    inner = scalar_program(program(*record_many(lambda x: [rule.fn(x)], [0.5])))
    assert inner is not None
    return inner


def _expanded(scalars: ScalarProgram) -> ScalarProgram:
    """The same program with the operations of a rule in the place of the rule."""
    if not any(step.rule in _EXPANDED for step in scalars.steps):
        return scalars
    constants, slots = dict(scalars.constants), scalars.slots
    steps: list[ScalarStep] = []
    for step in scalars.steps:
        if step.rule not in _EXPANDED:
            steps.append(step)
            continue
        inner = _expansion(step.rule)
        place = [step.operands[0], *range(slots, slots + inner.slots - 1)]
        slots += inner.slots - 1
        place[int(inner.outputs[0])] = step.slot
        constants |= {place[k]: value for k, value in inner.constants.items()}
        steps += [
            ScalarStep(s.rule, tuple([place[k] for k in s.operands]), place[s.slot], s.value)
            for s in inner.steps
        ]
    return replace(scalars, constants=constants, steps=tuple(steps), slots=slots)


def _fused(rows: Any, slots: int, outputs: Any) -> Any:
    """A product that is used once, in a sum or a difference, becomes one instruction with it. Both
    are rounded."""
    loops = _loops()
    operation, out = rows[:, :2].T
    is_slot = rows[:, 2:] >= 0
    uses = np.bincount(rows[:, 2:][is_slot], minlength=slots)
    np.add.at(uses, outputs, 1)
    product_of = np.full(slots, -1)
    products = np.flatnonzero(operation == loops.MULTIPLY)
    product_of[out[products]] = products
    product_of[uses != 1] = -1
    taken = []
    for kind, first, second in (
        (loops.ADD, loops.MULTIPLY_ADD, loops.MULTIPLY_ADD),
        (loops.SUBTRACT, loops.MULTIPLY_SUBTRACT, loops.SUBTRACT_PRODUCT),
    ):
        for column, fused in ((3, second), (2, first)):
            at = np.flatnonzero(rows[:, 0] == kind)
            of = product_of[rows[at, column]]
            at, of = at[of >= 0], of[of >= 0]
            other = rows[at, 5 - column]
            rows[at, 0], rows[at, 2:4], rows[at, 4] = fused, rows[of, 2:4], other
            taken.append(of)
    return np.delete(rows, np.concatenate(taken), axis=0)


def _places(
    rows: Any, slots: int, inputs: int, constants: list[int], outputs: Any
) -> tuple[Any, int]:
    """Where each value is kept: constants, inputs, and then slots that are used again and again.

    A result never takes the slot of an operand of the same instruction.
    """
    place = np.zeros(slots, np.int64)
    first = len(constants) + inputs
    place[constants] = np.arange(len(constants))
    place[:inputs] = np.arange(len(constants), first)
    last = np.full(slots, -1)
    for column in (2, 3, 4):
        used = np.flatnonzero(rows[:, column] >= 0)
        np.maximum.at(last, rows[used, column], used)
    last[outputs] = last[constants] = len(rows)
    ends: list[Any] = [()] * len(rows)
    over = np.flatnonzero((last >= 0) & (last < len(rows)))
    for slot, row in zip(over.tolist(), last[over].tolist(), strict=True):
        ends[row] = (*ends[row], slot)
    free: list[int] = []
    taken = place.tolist()
    guards = (rows[:, 0] == _loops().GUARD).tolist()
    for out, guard, ended in zip(rows[:, 1].tolist(), guards, ends, strict=True):
        if not guard:
            if free:
                taken[out] = free.pop()
            else:
                taken[out] = first
                first += 1
        if ended:
            free += [taken[k] for k in ended]
    return np.array(taken, np.int64), first


def _encoded(rows: Any, place: Any) -> Any:
    """The instructions as the loop reads them."""
    loops = _loops()
    code = np.zeros((len(rows) + 1, 4), np.int32)
    code[-1, 0] = loops.END
    operands = np.where(rows[:, 2:] >= 0, place[rows[:, 2:]], 0)
    third = np.where(rows[:, 4] >= 0, operands[:, 2] << 8, 0)
    code[:-1, 0] = rows[:, 0] | third
    code[:-1, 1] = np.where(rows[:, 0] == loops.GUARD, rows[:, 1], place[rows[:, 1]])
    code[:-1, 2:] = operands[:, :2]
    return code
