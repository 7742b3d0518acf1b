"""Reading a recording into balls: a rigorous enclosure of every row.

The rows are evaluated in ball arithmetic by python-flint, whose balls hold the exact result of the
exact operands (Johansson 2017). Operands that are constants are the exact numbers that the doubles
are; branches that were recorded are decided again, and proved.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..errors import NotCertifiableError
from ..rules.balls import Undecided, UndecidedError, ball
from ..rules.constants import Constant
from .careful import general_form
from .recording import CONSTANT, GUARD, INPUT, OUTPUT, Recording, Tracer

Step = tuple[Callable[..., Any], int, int, int, Any]


class BallProgram:
    """The part of a recording that some of its rows need, as steps over balls.

    Attributes:
        outputs: for each result its row, or a plain number or array where it is a constant.
    """

    def __init__(self, rows: Recording, outputs: Sequence[Any]) -> None:
        self.rows = rows
        self.outputs = [y.index if type(y) is Tracer else None for y in outputs]
        self._fixed = outputs
        self._constants: list[Any] = []
        self._steps: list[Step] = []
        self._seed_steps: dict[int, list[Step]] = {}
        self._operands: dict[int, tuple[int, ...]] = {}
        for k in _needed(rows, [i for i in self.outputs if i is not None]):
            self._compile(k)

    # Compiling

    def _compile(self, k: int) -> None:
        rule, y, parents, args, kwargs = general_form(self.rows[k])
        if rule is INPUT:
            return
        _require_real(rule, y, args)
        if rule is CONSTANT or rule.ball == "as recorded":
            self._add(lambda c: c, k, [self._slot(_as_balls_later(y))])
            return
        slots = [p if p >= 0 else self._slot(a) for p, a in zip(parents, args, strict=True)]
        call = _form(rule, y, args, kwargs)
        if _is_truth(y):
            call = _checked(call, y, rule.name)
        self._add(call, k, slots)

    def _add(self, call: Callable[..., Any], k: int, slots: list[int]) -> None:
        self._operands[k] = tuple(slots)
        if len(slots) == 1:
            self._steps.append((call, k, slots[0], slots[0], False))
        elif len(slots) == 2:
            self._steps.append((call, k, slots[0], slots[1], True))
        else:
            self._steps.append((call, k, 0, 0, slots))

    def _slot(self, constant: Any) -> int:
        self._constants.append(constant)
        return len(self.rows) + len(self._constants) - 1

    # Evaluating

    def run(self, inputs: dict[int, Any]) -> list[Any]:
        """The values of all rows and constants, at the precision in force.

        Args:
            inputs: for the row of each input a ball or an object array of balls.

        Raises:
            UndecidedError: a comparison needs more digits, or no number of them settles it.
            NotCertifiableError: an operation cannot be evaluated over balls.
        """
        values: list[Any] = [None] * len(self.rows)
        values += map(_constant_ball, self._constants)
        for k, value in inputs.items():
            values[k] = value
        self._execute(self._steps, values)
        return values

    def run_again(self, values: list[Any], seed: int, value: Any) -> list[Any]:
        """The values with one input changed; rows that do not depend on it are kept."""
        if seed not in self._seed_steps:
            reached = {seed}
            steps = []
            for step in self._steps:
                if not reached.isdisjoint(self._operands[step[1]]):
                    reached.add(step[1])
                    steps.append(step)
            self._seed_steps[seed] = steps
        values = values[:]
        values[seed] = value
        self._execute(self._seed_steps[seed], values)
        return values

    def results(self, values: list[Any]) -> list[Any]:
        """The results: object arrays of balls."""
        return [
            np.asarray(_constant_ball(fixed) if row is None else values[row], dtype=object)
            for row, fixed in zip(self.outputs, self._fixed, strict=True)
        ]

    def _execute(self, steps: Iterable[Step], values: list[Any]) -> None:
        k = 0
        try:
            for call, k, i, j, rest in steps:
                if rest is True:
                    values[k] = call(values[i], values[j])
                elif rest is False:
                    values[k] = call(values[i])
                else:
                    values[k] = call(*[values[n] for n in rest])
        except (TypeError, ValueError, IndexError, AttributeError, NotImplementedError) as error:
            if isinstance(error, NotCertifiableError):
                raise
            raise _not_certifiable(self.rows[k][0].name, f"over balls it fails: {error}") from error


def input_balls(x: Any) -> Any:
    """A number as a ball, an array as an object array of balls."""
    return np.frompyfunc(ball, 1, 1)(x) if np.ndim(x) else ball(x)


_PLAIN = {INPUT, OUTPUT, CONSTANT}


def _needed(rows: Recording, outputs: list[int]) -> list[int]:
    """The rows that the outputs and the recorded branches depend on, in order.

    Locally constant rows are among them even if nothing uses them: a second derivative of |x| uses
    no sign, but is the truth only where the sign has no jump.
    """
    needed = set(outputs)
    for k in range(len(rows) - 1, -1, -1):
        rule, _, i, _, j, _ = rows[k]
        if k in needed or not (rule.vjps or rule in _PLAIN):
            needed.add(k)
            if j is None:
                needed.update(i)
            else:
                needed.add(i)
                needed.add(j)
    needed.discard(-1)
    return sorted(needed)


def _not_certifiable(name: str, why: str) -> NotCertifiableError:
    return NotCertifiableError(f"the derivative cannot be certified: {name}: {why}")


def _require_real(rule: Any, y: Any, args: Any) -> None:
    for value in (y, *args):
        if type(value) is complex or getattr(getattr(value, "dtype", None), "kind", "") == "c":
            raise _not_certifiable(rule.name, "complex values have no enclosures here")


def _is_truth(y: Any) -> bool:
    return type(y) is bool or getattr(getattr(y, "dtype", None), "kind", "") == "b"


# Constants


def _as_balls_later(y: Any) -> Any:
    """A recorded value that holds no tracer."""
    while type(y) is Tracer:
        y = y.value
    return y


def _constant_ball(value: Any) -> Any:
    """Doubles as the balls that hold them exactly; everything else as it is."""
    from flint import arb

    kind = type(value)
    if kind is float:
        return ball(value)
    if kind is Constant:
        return value.ball(arb)
    if kind is Tracer:
        return _constant_ball(value.value)
    if isinstance(value, np.ndarray):
        return np.frompyfunc(ball, 1, 1)(value) if value.dtype.kind == "f" else value
    return ball(value) if isinstance(value, np.floating) else value


# Ball forms


def _form(rule: Any, y: Any, args: Any, kwargs: dict[str, Any]) -> Callable[..., Any]:
    if rule is GUARD:
        return bool
    if rule is OUTPUT:
        return lambda values, k: values[k]
    if rule.ball is None:
        raise _not_certifiable(rule.name, "it has no ball form")
    if rule.elementwise:
        call = _ELEMENTS.get(rule) or _element_form(rule)
        if any(_has_axes(a) for a in (y, *args)):
            return np.frompyfunc(call, len(args), 1)
        return call
    whole = rule.fn if rule.ball == "objects" else rule.ball
    kwargs = {name: value for name, value in kwargs.items() if name != "dtype"}

    def call_whole(*operands: Any) -> Any:
        given = [_objects(a) for a in operands]
        return _settled(whole(*given, **kwargs), rule.name)

    return call_whole


def _has_axes(value: Any) -> bool:
    return bool(getattr(value, "shape", ()))


_ELEMENTS: dict[Any, Callable[..., Any]] = {}


def _element_form(rule: Any) -> Callable[..., Any]:
    """The ball form of an elementwise primitive, for elements that may be whole numbers."""
    from flint import arb

    form = getattr(arb, rule.ball) if isinstance(rule.ball, str) else rule.ball
    if rule.ball in _EXACT_ON_INTEGERS:
        call = form
    else:

        def call(*elements: Any) -> Any:
            return form(*[e if type(e) is arb else ball(e) for e in elements])

        if isinstance(rule.ball, str):
            call = _method(form, call)
    _ELEMENTS[rule] = call
    return call


_EXACT_ON_INTEGERS = (operator.add, operator.sub, operator.mul, operator.neg, operator.pos)


def _method(form: Callable[..., Any], convert: Callable[..., Any]) -> Callable[..., Any]:
    def call(x: Any) -> Any:
        try:
            return form(x)
        except TypeError:
            return convert(x)

    return call


def _objects(value: Any) -> Any:
    """No array of doubles goes into NumPy: an assignment to it would round a ball."""
    if type(value) is np.ndarray and value.dtype.kind == "f":
        return np.frompyfunc(ball, 1, 1)(value)
    return value


def _settled(value: Any, name: str) -> Any:
    """What NumPy made of balls: 0-d arrays as elements, and no number that it has rounded."""
    if isinstance(value, tuple):
        return tuple(_settled(v, name) for v in value)
    if isinstance(value, list):
        return [_settled(v, name) for v in value]
    kind = getattr(getattr(value, "dtype", None), "kind", "O")
    if kind in "fc" or isinstance(value, (float, complex)):
        raise _not_certifiable(name, "NumPy turned its balls into doubles")
    if isinstance(value, np.ndarray):
        if not value.ndim:
            return value.item()
        if kind == "O" and value.size and all(type(v) is bool for v in value.flat):
            return value.astype(bool)
    return value.item() if isinstance(value, np.generic) else value


def _checked(call: Callable[..., Any], recorded: Any, name: str) -> Callable[..., Any]:
    """The proved truth values must be the recorded ones: the tape holds no other branch."""

    def same(a: Any, b: Any) -> bool:
        return type(a) is Undecided or bool(a) == bool(b)

    def checked(*operands: Any) -> Any:
        value = call(*operands)
        if not np.all(np.frompyfunc(same, 2, 1)(value, recorded)):
            raise _not_certifiable(
                name, "rounding errors send the function down another branch than exact arithmetic"
            )
        return value

    return checked


__all__ = ["BallProgram", "UndecidedError", "input_balls"]
