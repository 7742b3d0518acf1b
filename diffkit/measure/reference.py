"""Certified derivatives: enclosures that are proved to hold the truth.

The derivative computation is recorded as a tape of primitives and read in ball arithmetic
(Johansson 2017, "Arb: efficient arbitrary-precision midpoint-radius interval arithmetic") at the
exact double inputs, at a precision that is doubled until every number in the enclosure rounds to
the same double.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from .._backends.base import (
    basis,
    not_elementwise,
    one,
    require_finite,
    require_same_shape,
    require_scalar,
    require_shape,
)
from ..errors import NotCertifiableError, ShapeError, UndecidableError, UnknownNameError
from ..nests import NESTS, split_columns
from ..operators import Argnums, _Call
from ..operators import operator as operator_named
from ..rules.constants import Constant
from ..tape import ZERO, Tracer, filled, numeric, record, reverse_sweep, untraced
from ..tape.balls import BallProgram, UndecidedError, input_balls
from ..tape.careful import general_form
from ..tape.recording import (
    ADD,
    CONSTANT,
    DIVIDE,
    MULTIPLY,
    SUBTRACT,
    Recording,
    tracer,
)
from ..tape.sweeps import push_row
from .balls import exact_fraction, nearest_double, precision, upper_bound

FIRST_BITS = 128
MOST_BITS = 1 << 14


@dataclass(frozen=True, eq=False)
class Enclosure:
    """Numbers that are known to within a radius.

    Attributes:
        balls: python-flint's balls, an object array of the shape of the quantity.
        bits: the precision at which they were computed.
        structure: makes of an array of that shape what the user sees, a nest for example.
    """

    balls: Any = field(repr=False)
    bits: int
    structure: Callable[[Any], Any] = field(repr=False)

    @cached_property
    def value(self) -> Any:
        """The double nearest to the truth, element by element; see ``correctly_rounded``."""
        return self._each(_value, float)

    @cached_property
    def midpoint(self) -> Any:
        """The centre of each ball, exactly, as mpmath's numbers."""
        return self._each(_midpoint, object)

    @cached_property
    def radius(self) -> Any:
        """Upper bounds of the distance of the truth from the midpoint, as doubles."""
        return self.structure(np.reshape([*self._radii()], self.balls.shape)[()])

    @cached_property
    def correctly_rounded(self) -> Any:
        """Whether ``value`` is proved to be the double nearest to the truth.

        It is not where the truth is half-way between two doubles to all digits that were tried.
        """
        with precision(self.bits):
            return all(nearest_double(b) is not None for b in self.balls.flat)

    def absolute(self, computed: Any) -> Any:
        """Upper bounds of |computed - truth|; infinite where computed is not finite."""
        return self._measured(computed, lambda c, b, kind: upper_bound(_difference(c, b)))

    def relative(self, computed: Any) -> Any:
        """Upper bounds of |computed - truth| / |truth|; NaN where the truth may be zero."""
        return self._measured(computed, _relative)

    def ulps(self, computed: Any) -> Any:
        """Upper bounds of |computed - truth| in units in the last place of the rounded truth.

        The unit is that of the dtype of what was computed: of doubles, or of single precision.
        That of zero is the smallest subnormal number.
        """
        return self._measured(computed, _ulps)

    def contains(self, number: Any) -> Any:
        """Whether each ball holds a number (a double, an int, or one of python-flint's)."""
        return all(b.contains(number) for b in self.balls.flat)

    def _radii(self) -> list[float]:
        with precision(self.bits):
            return [upper_bound(b.rad()) for b in self.balls.flat]

    def _each(self, fn: Callable[[Any], Any], dtype: Any) -> Any:
        with precision(self.bits):
            out = np.array([fn(b) for b in self.balls.flat], dtype=dtype)
        return self.structure(out.reshape(self.balls.shape)[()])

    def _measured(self, computed: Any, measure: Callable[..., float]) -> Any:
        truth = self.structure(self.balls[()])
        with precision(self.bits + 64):
            if not isinstance(computed, NESTS):
                return _bounds(computed, truth, measure)
            import optree

            return optree.tree_map(lambda c, t: _bounds(c, t, measure), computed, truth)


def _bounds(computed: Any, truth: Any, measure: Callable[..., float]) -> Any:
    """The measure of each element; a float for a number."""
    given = np.asarray(computed)
    if given.shape != np.shape(truth):
        raise ShapeError(
            f"what was computed has shape {given.shape}, and the truth {np.shape(truth)}"
        )
    kind = given.dtype.type if given.dtype.kind == "f" else np.float64
    balls = np.asarray(truth, dtype=object)
    pairs = zip(given.astype(float).flat, balls.flat, strict=True)
    bounds = np.array([measure(float(c), b, kind) for c, b in pairs])
    return bounds.reshape(given.shape) if given.shape else float(bounds[0])


def _value(ball: Any) -> float:
    rounded = nearest_double(ball)
    return float(ball.mid()) if rounded is None else rounded


def _midpoint(ball: Any) -> Any:
    import mpmath

    mantissa, exponent = exact_fraction(ball)
    return mpmath.make_mpf(mpmath.libmp.from_man_exp(mantissa, exponent))


def _difference(computed: float, ball: Any) -> Any:
    from ..rules.balls import ball as exact

    return abs(exact(computed) - ball)


def _relative(computed: float, ball: Any, kind: Any) -> float:
    if ball.contains(0):
        return np.nan
    return upper_bound(_difference(computed, ball) / abs(ball))


def _ulps(computed: float, ball: Any, kind: Any) -> float:
    if np.isnan(computed):
        return np.nan
    unit = float(np.spacing(kind(abs(_value(ball)))))
    return upper_bound(_difference(computed, ball) / unit)


@dataclass(frozen=True, eq=False)
class Reference(Enclosure):
    """A certified derivative.

    Attributes:
        operator: which derivative it is.
        function: the enclosure of the function's value at the point.
    """

    operator: str = ""
    function: Enclosure = field(default=None, repr=False)  # type: ignore[assignment]

    def to_dict(self) -> dict[str, Any]:
        """What it holds as plain values; the midpoint as text that has all its digits."""
        return {
            "operator": self.operator,
            "value": self.value,
            "midpoint": [b.mid().str(self.bits // 3, radius=False) for b in self.balls.flat],
            "radius": self.radius,
            "bits": self.bits,
            "correctly_rounded": self.correctly_rounded,
            "function": self.function.value,
        }

    def __repr__(self) -> str:
        largest = np.max(np.fromiter(self._radii(), float), initial=0.0)
        shown = repr(self.value)
        joint = "\n" if "\n" in shown else " "
        rounded = "correctly rounded" if self.correctly_rounded else "rounding not settled"
        return (
            f"Reference({self.operator} ={joint}{shown},{joint}"
            f"radius {largest:.2g}, {self.bits} bits, {rounded})"
        )


def reference(
    f: Any,
    x: Any,
    *args: Any,
    operator: str = "gradient",
    argnums: Argnums = 0,
    bits: int = FIRST_BITS,
    max_bits: int = MOST_BITS,
) -> Reference:
    """A derivative with a proof of its digits.

    Args:
        f: the function; a traced one, as for ``backend="reverse"``.
        x: the point. Its doubles, and those of the constants, are taken as exact numbers.
        args: constants. For jvp, vjp and hvp the first of them is the vector, as it is there.
        operator: the name of one of diffkit's operators, or the operator itself.
        argnums: as for the operators.
        bits: the precision to begin with.
        max_bits: the precision to stop at.

    Returns:
        A ``Reference``. ``value`` is the correctly rounded derivative and ``ulps(computed)`` the
        proved error of another one. A derivative that is zero in a way that digits cannot show
        (that of sin(x)**2 + cos(x)**2, say) ends with an absolute radius below the smallest double.

    Raises:
        UndecidableError: the point is at a branch, a jump, a kink or a tie.
        NotCertifiableError: an operation of f or of its derivative has no enclosure.
        MissingPackageError: python-flint is not installed.
    """
    name = operator if isinstance(operator, str) else getattr(operator, "__name__", str(operator))
    operator_named(name)
    vector = None
    if name in ("jvp", "vjp", "hvp"):
        vector, args = args[0], args[1:]
    call = _Call(f, x, args, argnums)
    if np.iscomplexobj(call.x):
        raise NotCertifiableError("a complex point has no enclosures here; take real arguments")
    with np.errstate(all="ignore"):
        plan = _PLANS[name](call, vector)
    return _certified(name, plan, bits, max(bits, max_bits))


@dataclass(frozen=True, eq=False)
class _Plan:
    """A recorded derivative computation, and how its results make up the derivative.

    Attributes:
        rows: the recording of value and derivative.
        value, derivative: their tracers there, or what they are where they are constants.
        x: the point, which is the input of row 0.
        seeds: the row of each other input, and its values, one after the other.
        structures: what the user sees of value and derivative.
        shape: the shape of the derivative; ``stack`` puts the results of several seeds together.
    """

    rows: Recording
    value: Any
    derivative: Any
    x: Any
    seeds: tuple[tuple[int, Any], ...]
    structures: tuple[Callable[[Any], Any], Callable[[Any], Any]]
    several: tuple[int, list[Any], Callable[[list[Any]], Any]] | None = None
    check: Callable[[Callable[[int, Any], Any], Any], None] | None = None

    def balls(self, program: BallProgram) -> tuple[Any, Any]:
        """Value and derivative at the precision in force."""
        inputs = {row: input_balls(seed) for row, seed in self.seeds}
        inputs[0] = input_balls(self.x)
        if self.several is not None:
            inputs[self.several[0]] = input_balls(self.several[1][0])
        state = program.run(inputs)
        y, d = program.results(state)

        def with_seed(row: int, seed: Any) -> Any:
            return program.results(program.run_again(state, row, input_balls(seed)))[1]

        if self.several is not None:
            row, seeds, stack = self.several
            d = stack([d, *(with_seed(row, seed) for seed in seeds[1:])])
        if self.check is not None:
            self.check(with_seed, d)
        return y, d


def _certified(name: str, plan: _Plan, bits: int, most: int) -> Reference:
    """Double the precision until the derivative is known to the last bit."""
    with precision(bits):
        program = BallProgram(plan.rows, (plan.value, plan.derivative))
    while True:
        last = 2 * bits > most
        try:
            with precision(bits):
                y, d = plan.balls(program)
                d, y = _all_balls(d), _all_balls(y)
                finite = all(b.is_finite() for b in (*d.flat, *y.flat))
                if finite and (last or all(nearest_double(b) is not None for b in d.flat)):
                    see_value, see = plan.structures
                    function = Enclosure(y, bits, see_value)
                    return Reference(d, bits, see, name, function)
        except UndecidedError as error:
            if error.tie or last:
                raise UndecidableError(_undecidable(error, bits)) from None
        else:
            if last:
                require_finite(untraced(plan.value), plan.x)
                raise NotCertifiableError(
                    f"the {name} has no finite enclosure at {bits} bits: it may be infinite, or "
                    f"undefined, at x = {plan.x}"
                )
        bits *= 2


def _undecidable(error: UndecidedError, bits: int) -> str:
    if error.tie:
        return (
            f"undecidable: {error}; the point is exactly at a branch, a jump or a kink, where the "
            f"derivative of the function is not that of one side; move the point"
        )
    return f"undecidable at {bits} bits: {error}; move the point, or raise max_bits"


def _all_balls(values: Any) -> Any:
    """An object array in which whole numbers are balls too."""
    return np.asarray(input_balls(np.asarray(values, dtype=object)), dtype=object)


# The derivative computations. All take the seed of a sweep as an input of the recording, so that
# nothing is folded into a rounded constant.


def _outward(value: Any, rows: Recording) -> Any:
    """What a tracer of an inner recording is in an outer one."""
    while type(value) is Tracer and value.tape is not rows:
        value = value.value
    return value


def _pull(outer: Recording, f: Any, x: Any, seed: Callable[[Any], Any]) -> tuple[Any, Any]:
    """f(x) and the pullback of a seed, which may depend on f(x)."""
    rows, y, k = record(f, [x])
    _keep_constants(rows, outer)
    u = seed(y)
    return y, filled(reverse_sweep(rows, 1, k, u)[0] if k >= 0 else ZERO, untraced(x))


def _push_forward(outer: Recording, f: Any, x: Any, v: Any) -> tuple[Any, Any]:
    """f(x) and the tangent of f along v.

    This is the forward sweep without its second, careful pass, in which doubles decide which
    tangents are zero.
    """
    rows, y, k = record(f, [x])
    _keep_constants(rows, outer)
    tangents = [v]
    for row in rows[1 : k + 1]:
        rule, value, parents, args, kwargs = general_form(row)
        tangents.append(push_row(rule, value, parents, args, kwargs, tangents, False))
    return y, filled(tangents[k] if k >= 0 else ZERO, untraced(y))


# Their rules do exact arithmetic alone on constants, or none.
_EXACT_RULES = {ADD, SUBTRACT, MULTIPLY, DIVIDE}


def _keep_constants(rows: Recording, outer: Recording) -> None:
    """Make the constants of elementwise operations operands of the outer recording.

    The rules then compute on them there: of a**x, say, the logarithm of a is recorded, where it
    would have been a rounded number.
    """
    for k, (rule, y, i, a, j, b) in enumerate(rows):
        if not rule.elementwise or rule in _EXACT_RULES:
            continue
        if j is None:
            kept = [_kept(v, p, rule, outer) for p, v in zip(i, a, strict=True)]
            rows[k] = (rule, y, i, tuple(kept), None, b)
        elif b is not None:
            rows[k] = (rule, y, i, _kept(a, i, rule, outer), j, _kept(b, j, rule, outer))


def _kept(value: Any, parent: int, rule: Any, outer: Recording) -> Any:
    if parent >= 0 or type(value) is Tracer or type(value) is Constant:
        return value
    if rule.name == "power" and np.ndim(value) == 0 and value == np.round(value):
        return value  # its rule looks at whole exponents, from which it subtracts exactly
    if not (type(value) is float or getattr(getattr(value, "dtype", None), "kind", "") == "f"):
        return value
    outer.append((CONSTANT, value, (), (), None, {}))
    return tracer(outer, value)


class _Taping:
    """A recording with the point as its first input, to which seeds are added."""

    def __init__(self, call: _Call) -> None:
        self.rows = Recording(complete=True)
        self.x = call.x
        self.point = self.rows.input(call.x)
        self.seeds: list[tuple[int, Any]] = []

    def seed(self, value: Any) -> Tracer:
        tracer = self.rows.input(value)
        self.seeds.append((tracer.index, value))
        return tracer

    def scalar_seed(self, operator: str) -> Callable[[Any], Any]:
        """A seed of one for a function that must return a number."""

        def seed(y: Any) -> Any:
            require_scalar(untraced(y), operator)
            return self.seed(one(untraced(y)))

        return seed

    def plan(self, y: Any, d: Any, see_value: Any, see: Any, **options: Any) -> _Plan:
        y, d = (_outward(v, self.rows) for v in (y, d))
        return _Plan(self.rows, y, d, self.x, tuple(self.seeds), (see_value, see), **options)


def _gradient(call: _Call, vector: Any) -> _Plan:
    tape = _Taping(call)
    y, g = _pull(tape.rows, call.f, tape.point, tape.scalar_seed("gradient"))
    return tape.plan(y, g, call.number, call.like_x)


def _vjp(call: _Call, vector: Any) -> _Plan:
    tape = _Taping(call)
    y, g = _pull(
        tape.rows,
        call.f,
        tape.point,
        lambda y: tape.seed(require_shape(vector, untraced(y), "u", "f(x)")),
    )
    return tape.plan(y, g, call.number, call.like_x)


def _jvp(call: _Call, vector: Any) -> _Plan:
    tape = _Taping(call)
    y, t = _push_forward(tape.rows, call.f, tape.point, tape.seed(call.tangent(vector)))
    return tape.plan(y, t, call.number, call.number)


def _derivative(call: _Call, vector: Any) -> _Plan:
    if call.join is not None:
        raise ShapeError("derivative needs a number or an array x, got a nest; use gradient")
    tape = _Taping(call)
    ones = np.ones_like(call.x) if np.ndim(call.x) else one(call.x)
    y, t = _push_forward(tape.rows, call.f, tape.point, tape.seed(ones))
    if not np.ndim(call.x):
        return tape.plan(y, t, call.number, call.number)
    require_same_shape(untraced(y), call.x)
    weights = np.reshape(2.0 ** (np.arange(np.size(call.x)) % 16), np.shape(call.x))

    def check(with_seed: Any, diagonal: Any) -> None:
        """Another tangent gives the same diagonal if the function is elementwise."""
        again = with_seed(tape.seeds[0][0], weights)
        pairs = zip(np.ravel(again), np.ravel(diagonal * weights), strict=True)
        if not all(input_balls(a).overlaps(input_balls(b)) for a, b in pairs):
            raise not_elementwise()

    return tape.plan(y, t, call.number, call.number, check=check)


def _jacobian(call: _Call, vector: Any) -> _Plan:
    shape_of_y = np.shape(_plain_value(call))
    wide = int(np.prod(shape_of_y)) <= np.size(call.x)
    tape = _Taping(call)
    like = np.zeros(shape_of_y)[()] if wide else call.x
    seeds = list(basis(like)) or [like]
    seed = tape.rows.input(seeds[0])
    if wide:
        y, d = _pull(tape.rows, call.f, tape.point, lambda y: seed)
    else:
        y, d = _push_forward(tape.rows, call.f, tape.point, seed)
    shape = shape_of_y + np.shape(call.x)

    def stack(parts: list[Any]) -> Any:
        if not np.prod(shape):
            return np.zeros(shape, dtype=object)
        return np.reshape(np.stack(parts, axis=0 if wide else -1), shape)

    see = lambda j: call.columns(j, shape_of_y)  # noqa: E731
    return tape.plan(y, d, call.number, see, several=(seed.index, seeds, stack))


def _plain_value(call: _Call) -> Any:
    return record(call.f, [call.x])[1]


def _second_order(call: _Call, name: str, first: Any, v: Any) -> tuple[_Taping, Any, Any, Any]:
    """Push v through a first derivative; the row of v is returned too."""
    tape = _Taping(call)
    seed = tape.rows.input(v)
    y: Any = None

    def slope(x: Any) -> Any:
        nonlocal y
        y, d = first(tape, x)
        return d

    _, d = _push_forward(tape.rows, slope, tape.point, seed)
    return tape, y, d, seed.index


def _slope_of(call: _Call) -> Callable[[_Taping, Any], Any]:
    def slope(tape: _Taping, x: Any) -> Any:
        return _push_forward(tape.rows, call.f, x, tape.seed(one(call.x)))

    return slope


def _gradient_of(call: _Call, name: str) -> Callable[[_Taping, Any], Any]:
    return lambda tape, x: _pull(tape.rows, call.f, x, tape.scalar_seed(name))


def _second_derivative(call: _Call, vector: Any) -> _Plan:
    if call.join is not None or np.ndim(call.x):
        raise ShapeError("second_derivative needs a number x; use hessian")
    v = one(call.x)
    tape, y, d, row = _second_order(call, "second_derivative", _slope_of(call), v)
    tape.seeds.append((row, v))
    return tape.plan(y, d, call.number, call.number)


def _hvp(call: _Call, vector: Any) -> _Plan:
    v = call.tangent(vector)
    tape, y, d, row = _second_order(call, "hvp", _gradient_of(call, "hvp"), v)
    tape.seeds.append((row, v))
    return tape.plan(y, d, call.number, call.like_x)


def _hessian(call: _Call, vector: Any) -> _Plan:
    seeds = list(basis(call.x)) or [call.x]
    tape, y, d, row = _second_order(call, "hessian", _gradient_of(call, "hessian"), seeds[0])
    shape = np.shape(call.x) * 2

    def stack(parts: list[Any]) -> Any:
        return np.reshape(np.stack(parts, axis=-1), shape)

    return tape.plan(y, d, call.number, _blocks(call), several=(row, seeds, stack))


def _blocks(call: _Call) -> Callable[[Any], Any]:
    """A matrix as the user sees a Hessian: for a nest, a nest of nests of blocks."""
    join = call.join
    if join is None:
        return call.number

    def blocks(matrix: Any) -> Any:
        import optree

        rows = split_columns(np.transpose(matrix), join, (np.size(call.x),))
        return optree.tree_map(
            lambda leaf: split_columns(np.moveaxis(leaf, 0, -1), join, np.shape(leaf)[1:]),
            rows,
        )

    return blocks


_PLANS: dict[str, Callable[[_Call, Any], _Plan]] = {
    "derivative": _derivative,
    "second_derivative": _second_derivative,
    "gradient": _gradient,
    "jacobian": _jacobian,
    "hessian": _hessian,
    "jvp": _jvp,
    "vjp": _vjp,
    "hvp": _hvp,
}

__all__ = ["Enclosure", "Reference", "UnknownNameError", "numeric", "reference"]
