"""A conformance suite for backends: one list of scenarios that any backend can be run through::

    import diffkit as dk
    print(dk.testing.check_backend("reverse"))

A ``Scenario`` is a function, a point, an operator and the known answer. The answers are closed
forms worked out by hand, or published values; none was computed by a backend. A ``Refusal`` is
input that must be refused, and the error that is due.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy import array

from . import _rendering, operators
from ._backends import OPERATORS, Backend, resolve
from ._problems import problems
from .errors import DomainError, NonFiniteError, NonNumericError, ShapeError, UnsupportedError

_SECOND_ORDER = ("second_derivative", "hessian", "hvp")
_WITH_VECTOR = ("jvp", "vjp", "hvp")


@dataclass(frozen=True, eq=False)
class Scenario:
    """A derivative that is known.

    Attributes:
        name: what is special about it.
        operator: the operator to apply.
        f: the function, ``f(x, *args)``.
        x: the point.
        value: f(x).
        answer: the derivative, in the shape and structure that the operator has to give it.
        source: the closed form, or where the answer was published.
        vector: the tangent or cotangent, for jvp, vjp and hvp.
        args: constants.
        argnums: the active arguments.
    """

    name: str
    operator: str
    f: Callable[..., Any]
    x: Any
    value: Any
    answer: Any
    source: str
    vector: Any = None
    args: tuple[Any, ...] = ()
    argnums: int | tuple[int, ...] = 0


@dataclass(frozen=True, eq=False)
class Refusal:
    """Input that has to be refused.

    Attributes:
        name: what is wrong with it.
        operator: the operator to apply.
        f: the function.
        x: the point.
        error: the class of the error that is due.
        vector: the tangent or cotangent, for jvp, vjp and hvp.
        args: constants.
        argnums: the active arguments.
    """

    name: str
    operator: str
    f: Callable[..., Any]
    x: Any
    error: type[Exception]
    vector: Any = None
    args: tuple[Any, ...] = ()
    argnums: int | tuple[int, ...] = 0


@dataclass(frozen=True)
class Row:
    """What became of one scenario: ``status`` is "passed", "failed" or "unsupported"."""

    scenario: str
    operator: str
    status: str
    error: str = ""


@dataclass(frozen=True)
class Conformance:
    """A row for each scenario that a backend was run through."""

    backend: str
    rows: tuple[Row, ...]

    @property
    def failures(self) -> tuple[Row, ...]:
        """The rows that failed."""
        return tuple(row for row in self.rows if row.status == "failed")

    @property
    def passed(self) -> bool:
        """Whether nothing failed; what a backend says it cannot do is no failure."""
        return not self.failures

    @property
    def counts(self) -> dict[str, int]:
        """How many rows have each status."""
        statuses = [row.status for row in self.rows]
        return {status: statuses.count(status) for status in ("passed", "failed", "unsupported")}

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        rows = [dict(vars(row)) for row in self.rows]
        return {"backend": self.backend, "counts": self.counts, "rows": rows}

    def __rich__(self) -> Any:
        from rich.table import Table
        from rich.text import Text

        table = Table(title=Text(self._summary()))
        for heading in ("operator", "passed", "failed", "unsupported", "what failed"):
            right = heading in ("passed", "failed", "unsupported")
            table.add_column(heading, justify="right" if right else "left")
        for operator in OPERATORS:
            table.add_row(*map(Text, self._cells(operator)))
        return table

    def _summary(self) -> str:
        counts = ", ".join(f"{n} {status}" for status, n in self.counts.items())
        return f"conformance of {self.backend}: {counts}"

    def _cells(self, operator: str) -> list[str]:
        mine = Conformance(self.backend, tuple(r for r in self.rows if r.operator == operator))
        what = "\n".join(f"{row.scenario}: {row.error}" for row in mine.failures)
        return [operator, *map(str, mine.counts.values()), what]

    def __str__(self) -> str:
        return _rendering.text(self)

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(str(self))}</pre>"


def check_backend(
    backend: str | Backend, rtol: float | None = None, raise_on_failure: bool = True
) -> Conformance:
    """Run a backend through all scenarios and all refusals.

    Args:
        backend: a name or a backend.
        rtol: the error allowed, as a fraction of the largest element of the answer. By default
            1e-12 for a backend that is ``exact``; else 6e-6, and 7e-4 at second order: the cube
            root and the fifth root of the spacing of doubles, which even one-sided differences
            of order 1 stay below.
        raise_on_failure: whether to raise when something failed.

    Returns:
        A row for each scenario. What the backend says it cannot do is "unsupported".

    Raises:
        AssertionError: something failed; the message lists it.
    """
    chosen = resolve(backend)
    with np.errstate(all="ignore"):  # refusals evaluate functions outside their domains
        rows = [_run(chosen, scenario, rtol) for scenario in scenarios()]
        rows += [_run_refusal(chosen, refusal) for refusal in refusals()]
    rows += _unkept_promises(chosen, rows)
    report = Conformance(chosen.name or type(chosen).__name__, tuple(rows))
    if raise_on_failure and not report.passed:
        listed = "\n".join(f"  {r.operator}, {r.scenario}: {r.error}" for r in report.failures)
        raise AssertionError(f"{report._summary()}\n{listed}")
    return report


def _run(backend: Backend, scenario: Scenario, rtol: float | None) -> Row:
    x = copy.deepcopy(scenario.x)
    tolerance = _tolerance(backend, scenario) if rtol is None else rtol
    report = partial(Row, scenario.name, scenario.operator)
    try:
        value, answer = _call(backend, scenario, x)
    except UnsupportedError as error:
        return report("unsupported", str(error))
    except Exception as error:
        return report("failed", f"{type(error).__name__}: {error}")
    if backend.support(scenario.operator) == "unsupported":
        return report("failed", "support() says unsupported, but there is an answer")
    problem = (
        _difference(value, scenario.value, 16 * _spacing(scenario.x), "the value")
        or _difference(answer, scenario.answer, tolerance, "the derivative")
        or _difference(x, scenario.x, 0.0, "x, which must not change,")
    )
    return report("failed", problem) if problem else report("passed")


def _run_refusal(backend: Backend, refusal: Refusal) -> Row:
    report = partial(Row, refusal.name, refusal.operator)
    due = f"{refusal.error.__name__} is due"
    try:
        _, answer = _call(backend, refusal, refusal.x)
    except UnsupportedError as error:
        return report("unsupported", str(error))
    except Exception as error:
        if isinstance(error, refusal.error):
            return report("passed")
        return report("failed", f"{due}, not {type(error).__name__}: {error}")
    return report("failed", f"{due}, not the answer {answer!r:.60}")


def _unkept_promises(backend: Backend, rows: Iterable[Row]) -> Iterable[Row]:
    """A failure for each operator that is said to work and was refused in all scenarios."""
    answered = {row.operator for row in rows if row.status != "unsupported"}
    for operator in OPERATORS:
        says = backend.support(operator)
        if says not in ("native", "derived", "unsupported"):
            yield Row("support()", operator, "failed", f"{says!r} is none of its three words")
        elif says != "unsupported" and operator not in answered:
            yield Row("support()", operator, "failed", f"says {says}, but everything was refused")


def _call(backend: Backend, case: Scenario | Refusal, x: Any) -> tuple[Any, Any]:
    apply = getattr(operators, f"value_and_{case.operator}")
    vector = (case.vector,) if case.operator in _WITH_VECTOR else ()
    found = apply(case.f, x, *vector, *case.args, backend=backend, argnums=case.argnums)
    return found[0], found[1]


def _spacing(x: Any) -> float:
    """The spacing of the numbers that x is made of, at 1."""
    single = isinstance(x, np.ndarray) and x.dtype == np.float32
    return float(np.finfo(np.float32 if single else np.float64).eps)


def _tolerance(backend: Backend, scenario: Scenario) -> float:
    if backend.exact:
        return 4500 * _spacing(scenario.x)
    return _spacing(scenario.x) ** (1 / 5 if scenario.operator in _SECOND_ORDER else 1 / 3)


def _difference(got: Any, expected: Any, tolerance: float, what: str) -> str:
    """What sets one nest of arrays apart from another; empty if nothing does."""
    if isinstance(expected, (dict, list, tuple)):
        keys = list(expected) if isinstance(expected, dict) else list(range(len(expected)))
        if type(got) is not type(expected) or len(got) != len(expected):
            return f"{what} should be a {type(expected).__name__} of {len(keys)}, got {got!r:.60}"
        if isinstance(expected, dict) and set(got) != set(keys):
            return f"{what} should have the keys {keys}, got {list(got)}"
        parts = (_difference(got[k], expected[k], tolerance, f"{what}[{k!r}]") for k in keys)
        return next(filter(None, parts), "")
    return _array_difference(got, np.asarray(expected), tolerance, what)


def _array_difference(got: Any, expected: Any, tolerance: float, what: str) -> str:
    if np.shape(got) != expected.shape:
        return f"{what} should have shape {expected.shape}, got {np.shape(got)}"
    found = np.asarray(got)
    if found.dtype.kind not in "f" + expected.dtype.kind:
        return f"{what} should be made of floats, got dtype {found.dtype}"
    scale = np.max(np.abs(expected), initial=0.0) or 1.0
    error = np.max(np.abs(found - expected), initial=0.0) / scale
    if error <= tolerance:  # never true of NaN
        return ""
    return f"{what} is off by {error:.2g} of its size, more than {tolerance:.2g}: {_short(found)}"


def _short(values: Any) -> str:
    return " ".join(np.array2string(values, threshold=8, precision=12).split())


# The scenarios


def _known(
    name: str,
    f: Callable[..., Any],
    x: Any,
    value: Any,
    source: str,
    *,
    args: tuple[Any, ...] = (),
    argnums: int | tuple[int, ...] = 0,
    **answers: Any,
) -> list[Scenario]:
    """A scenario for each answer; for jvp, vjp and hvp a pair of the vector and the answer."""
    found = []
    for operator, answer in answers.items():
        vector, answer = answer if operator in _WITH_VECTOR else (None, answer)
        found.append(Scenario(name, operator, f, x, value, answer, source, vector, args, argnums))
    return found


def scenarios() -> Sequence[Scenario]:
    """All scenarios. Answers that are not whole numbers were rounded from 50 digits."""
    return [*_of_numbers(), *_published(), *_of_vectors(), *_of_matrices(), *_of_nests(), *_edges()]


def _of_numbers() -> Iterable[Scenario]:
    e = 2.718281828459045
    yield from _known(
        "an exponential", np.exp, 1.0, e, "each derivative of e^x is e^x",
        derivative=e, second_derivative=e, gradient=e, jacobian=e, hessian=e,
        jvp=(2.0, 5.436563656918090), vjp=(-3.0, -8.154845485377136), hvp=(2.0, 5.436563656918090),
    )  # fmt: skip
    yield from _known(
        "a hyperbolic tangent", np.tanh, 0.5, 0.46211715726000976,
        "tanh' = 1 − tanh², tanh'' = −2 tanh (1 − tanh²)",
        derivative=0.7864477329659274, second_derivative=-0.7268619813835873,
    )  # fmt: skip
    yield from _known(
        "a polynomial", lambda x: x**3 - 2 * x, 2.0, 4.0, "3x² − 2 and 6x",
        derivative=10.0, second_derivative=12.0, hessian=12.0,
    )  # fmt: skip
    yield from _known(
        "a curve", lambda t: np.stack([t**2, t**3, 1 / t]), 2.0, array([4.0, 8.0, 0.5]),
        "(2t, 3t², −1/t²) and (2, 6t, 2/t³)",
        derivative=array([4.0, 12.0, -0.25]), second_derivative=array([2.0, 12.0, 0.25]),
        jacobian=array([4.0, 12.0, -0.25]), jvp=(0.5, array([2.0, 6.0, -0.125])),
        vjp=(array([1.0, 2.0, 4.0]), 27.0),
    )  # fmt: skip
    yield from _known(
        "a branch", lambda x: x**2 if x > 1 else x, 3.0, 9.0, "2x on the branch that 3 takes",
        derivative=6.0, second_derivative=2.0, gradient=6.0,
    )  # fmt: skip
    yield from _known(
        "constants behind x", lambda x, a, n: a * x**n, 5.0, 75.0, "a n x^(n−1)",
        args=(3.0, 2), derivative=30.0, second_derivative=6.0, jvp=(2.0, 60.0), vjp=(2.0, 60.0),
    )  # fmt: skip
    for k in (1, -1):
        yield from _known(
            f"argnums={k}", lambda x, y: x * y**3, 3.0, 24.0, "3 x y² and 6 x y at (3, 2)",
            args=(2.0,), argnums=k, derivative=36.0, second_derivative=36.0, jvp=(0.5, 18.0),
            hessian=36.0, hvp=(2.0, 72.0),
        )  # fmt: skip


def _published() -> Iterable[Scenario]:
    """Values that stand in the literature, or are exact in the functions that do."""
    h11, h12, h22 = -0.6827098334832639, -7.305998863741177, 50.72851381442217
    yield from _known(
        "Griewank's example", problems["griewank"], array([1.5, 0.5]), 2.0166466694282014,
        "Griewank & Walther 2008, chapter 1; the product rule applied to its two factors",
        gradient=array([3.0118433276739066, -13.723961509314075]),
        hessian=array([[h11, h12], [h12, h22]]),
        jvp=(array([2.0, 1.0]), -7.700274853966262), vjp=(2.0, array([6.023686655347813,
        -27.44792301862815])), hvp=(array([1.0, 0.0]), array([h11, h12])),
    )  # fmt: skip
    yield from _known(
        "x1 x2 + sin x1", problems["product_plus_sine"], array([2.0, 3.0]), 6.909297426825682,
        "Cross Validated 224140: (x2 + cos x1, x1)",
        gradient=array([2.5838531634528576, 2.0]), jvp=(array([0.0, 1.0]), 2.0),
        hessian=array([[-0.9092974268256817, 1.0], [1.0, 0.0]]),
    )  # fmt: skip
    yield from _known(
        "a linear model's loss", problems["linear_model_loss"], array([2.0, 3.0]), 4.0,
        "lecture notes on gradients: 2γ (x, 1) with γ = −2",
        gradient=array([-4.0, -4.0]), hessian=array([[2.0, 2.0], [2.0, 2.0]]),
        hvp=(array([1.0, 2.0]), array([6.0, 6.0])), vjp=(0.5, array([-2.0, -2.0])),
    )  # fmt: skip
    yield from _known(
        "the logistic map", problems["logistic_map_4"], 0.375, 735 / 1024,
        "Baydin et al. 2018, Table 1, at 3/8: 64(1−42x+504x²−2640x³+7040x⁴−9984x⁵+7168x⁶−2048x⁷)",
        derivative=-7.4375, second_derivative=-55.5,
    )  # fmt: skip
    yield from _known(
        "Rosenbrock's function", problems["rosenbrock"], array([-1.2, 1.0]), 24.2,
        "(−400 x (y − x²) − 2 (1 − x), 200 (y − x²)) and its derivative",
        gradient=array([-215.6, -88.0]), hessian=array([[1330.0, 480.0], [480.0, 200.0]]),
        hvp=(array([1.0, 2.0]), array([2290.0, 880.0])), jvp=(array([1.0, -1.0]), -127.6),
    )  # fmt: skip
    yield from _known(
        "Speelpenning's product", problems["speelpenning_product"], array([1.0, 2.0, 3.0, 4.0]),
        24.0, "Griewank 1989: the products of the other factors",
        gradient=array([24.0, 12.0, 8.0, 6.0]),
        hessian=array([[0.0, 12, 8, 6], [12, 0, 4, 3], [8, 4, 0, 2], [6, 3, 2, 0]]),
        hvp=(array([1.0, 0.0, 0.0, -1.0]), array([-6.0, 9.0, 6.0, 6.0])),
    )  # fmt: skip


def _of_vectors() -> Iterable[Scenario]:
    x = array([0.5, 1.0, 2.0])
    cosines = array([0.8775825618903728, 0.5403023058681398, -0.4161468365471424])
    sines = array([0.479425538604203, 0.8414709848078965, 0.9092974268256817])
    yield from _known(
        "an elementwise sine", np.sin, x, sines, "cos x on the diagonal",
        derivative=cosines, jacobian=np.diag(cosines), jvp=(array([0.0, 2.0, 0.0]),
        array([0.0, 1.0806046117362795, 0.0])), vjp=(array([1.0, 0.0, 0.0]),
        array([0.8775825618903728, 0.0, 0.0])),
    )  # fmt: skip
    yield from _known(
        "a wide Jacobian", lambda x: np.stack([x[0] * x[1] * x[2], x[0] + x[1] ** 2]),
        array([1.0, 2.0, 3.0]), array([6.0, 5.0]), "((yz, xz, xy), (1, 2y, 0))",
        jacobian=array([[6.0, 3.0, 2.0], [1.0, 4.0, 0.0]]),
        jvp=(array([1.0, -1.0, 2.0]), array([7.0, -3.0])),
        vjp=(array([2.0, -1.0]), array([11.0, 2.0, 4.0])),
    )  # fmt: skip
    yield from _known(
        "a tall Jacobian", lambda x: np.stack([x[0] * x[1], x[0] ** 2, 3 * x[1]]),
        array([2.0, 5.0]), array([10.0, 4.0, 15.0]), "((y, x), (2x, 0), (0, 3))",
        jacobian=array([[5.0, 2.0], [4.0, 0.0], [0.0, 3.0]]),
        jvp=(array([1.0, 2.0]), array([9.0, 4.0, 6.0])),
        vjp=(array([1.0, 2.0, 3.0]), array([13.0, 11.0])),
    )  # fmt: skip
    yield from _known(
        "a square Jacobian that is not symmetric", lambda x: np.stack([x[0] * x[1], 3 * x[0]]),
        array([2.0, 5.0]), array([10.0, 6.0]), "((y, x), (3, 0))",
        jacobian=array([[5.0, 2.0], [3.0, 0.0]]), jvp=(array([1.0, -1.0]), array([3.0, 3.0])),
        vjp=(array([1.0, -1.0]), array([2.0, 2.0])),
    )  # fmt: skip
    yield from _known(
        "a softmax", problems["softmax"], array([0.0, 0.0]), array([0.5, 0.5]),
        "diag(s) − s sᵀ with s = ½", jacobian=array([[0.25, -0.25], [-0.25, 0.25]]),
        jvp=(array([1.0, 0.0]), array([0.25, -0.25])),
    )  # fmt: skip
    yield from _known(
        "a choice by elements", lambda x: np.where(x > 0, x**2, -x), array([-1.0, 2.0]),
        array([1.0, 4.0]), "−1 where x < 0, 2x where x > 0",
        derivative=array([-1.0, 4.0]), jacobian=array([[-1.0, 0.0], [0.0, 4.0]]),
    )  # fmt: skip
    yield from _known(
        "slices joined", lambda x: np.concatenate([x[::2], x[::-1]]) ** 2, array([1.0, 2.0, 3.0]),
        array([1.0, 9.0, 9.0, 4.0, 1.0]), "2x at the place that each element was read from",
        jacobian=array([[2.0, 0, 0], [0, 0, 6], [0, 0, 6], [0, 4, 0], [2, 0, 0]]),
        vjp=(array([1.0, 0.0, 1.0, 1.0, 1.0]), array([4.0, 4.0, 6.0])),
    )  # fmt: skip
    yield from _known(
        "broadcasting", lambda x: np.sum((x[:, None] - x[None, :]) ** 2), array([1.0, 2.0, 4.0]),
        28.0, "2n Σx² − 2(Σx)²: 4n x − 4 Σx and 4n I − 4",
        gradient=array([-16.0, -4.0, 20.0]),
        hessian=array([[8.0, -4.0, -4.0], [-4.0, 8.0, -4.0], [-4.0, -4.0, 8.0]]),
    )  # fmt: skip
    yield from _known(
        "a product with a zero", np.prod, array([2.0, 0.0, 3.0]), 0.0,
        "the products of the other factors",
        gradient=array([0.0, 6.0, 0.0]), hessian=array([[0.0, 3, 0], [3, 0, 2], [0, 2, 0]]),
    )  # fmt: skip


def _of_matrices() -> Iterable[Scenario]:
    a, beta = array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), array([1.0, -2.0, 0.5])
    v = array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    block = array([[1.0, -2.0, 0.5], [-2.0, 4.0, -1.0], [0.5, -1.0, 0.25]])  # β βᵀ
    no = np.zeros((3, 3))
    yield from _known(
        "a number of a matrix", lambda a, b: 0.5 * np.sum((a @ b) ** 2), a, 5.625,
        "½‖Aβ‖²: (Aβ) βᵀ, and β βᵀ for each row", args=(beta,),
        gradient=array([[-1.5, 3.0, -0.75], [-3.0, 6.0, -1.5]]), jvp=(v, 3.75),
        hvp=(v, array([[1.5, -3.0, 0.75], [-2.0, 4.0, -1.0]])),
        hessian=np.stack([np.stack([block, no], 1), np.stack([no, block], 1)]),
    )  # fmt: skip
    yield from _known(
        "a vector of a matrix", problems["matrix_times_vector"], a, array([-1.5, -3.0]),
        "A β: element i depends on row i by β; the VJP is ȳ ⊗ β",
        jacobian=array([[[1.0, -2.0, 0.5], [0, 0, 0]], [[0, 0, 0], [1.0, -2.0, 0.5]]]),
        jvp=(v, array([1.5, -2.0])),
        vjp=(array([2.0, -1.0]), array([[2.0, -4.0, 1.0], [-1.0, 2.0, -0.5]])),
    )  # fmt: skip
    yield from _known(
        "a matrix of a matrix", problems["matrix_square"], array([[1.0, 2.0], [3.0, 4.0]]),
        array([[7.0, 10.0], [15.0, 22.0]]), "d(A²) = dA A + A dA; the VJP is Ȳ Aᵀ + Aᵀ Ȳ",
        jacobian=array([[[[2.0, 3], [2, 0]], [[2, 5], [0, 2]]],
                        [[[3, 0], [5, 3]], [[0, 3], [2, 8]]]]),
        jvp=(array([[1.0, 0.0], [2.0, -1.0]]), array([[6.0, 0.0], [10.0, -4.0]])),
        vjp=(array([[1.0, 0.0], [0.0, 2.0]]), array([[2.0, 9.0], [6.0, 16.0]])),
    )  # fmt: skip
    yield from _known(
        "elementwise on a matrix", lambda a: a**2, array([[1.0, 2.0], [3.0, 4.0]]),
        array([[1.0, 4.0], [9.0, 16.0]]), "2a", derivative=array([[2.0, 4.0], [6.0, 8.0]]),
    )  # fmt: skip


def _of_nests() -> Iterable[Scenario]:
    x = array([1.0, 2.0])
    yield from _known(
        "a dict", lambda p, x: (p["w"] @ x + p["b"] - 7.0) ** 2,
        {"w": array([2.0, -1.0]), "b": 3.0}, 16.0, "2γ (x, 1) with γ = −4, and 2 (x, 1)(x, 1)ᵀ",
        args=(x,), gradient={"w": array([-8.0, -16.0]), "b": -8.0},
        jvp=({"w": array([1.0, 0.0]), "b": 1.0}, -16.0),
        vjp=(0.5, {"w": array([-4.0, -8.0]), "b": -4.0}),
        hvp=({"w": array([1.0, 0.0]), "b": 1.0}, {"w": array([4.0, 8.0]), "b": 4.0}),
        hessian={"w": {"w": array([[2.0, 4.0], [4.0, 8.0]]), "b": array([2.0, 4.0])},
                 "b": {"w": array([2.0, 4.0]), "b": 2.0}},
    )  # fmt: skip
    yield from _known(
        "tuples in lists", lambda p: p[0][0] * p[0][1] + p[1][0],
        ([2.0, array([1.0, 3.0])], (5.0,)), array([7.0, 11.0]), "a b + c: (b, a I, 1)",
        jacobian=([array([1.0, 3.0]), array([[2.0, 0.0], [0.0, 2.0]])], (array([1.0, 1.0]),)),
        jvp=(([1.0, array([0.0, 1.0])], (2.0,)), array([3.0, 7.0])),
        vjp=(array([1.0, -2.0]), ([-5.0, array([2.0, -4.0])], (-1.0,))),
    )  # fmt: skip
    yield from _known(
        "argnums=(0, 1)", lambda x, s: s * np.sum(x**2), x, 15.0, "(2 s x, Σx²)",
        args=(3.0,), argnums=(0, 1), gradient=(array([6.0, 12.0]), 5.0),
        jvp=((array([1.0, 0.0]), 2.0), 16.0),
    )  # fmt: skip


def _edges() -> Iterable[Scenario]:
    pair, zeros = array([1.0, 2.0]), np.zeros((2, 2))
    yield from _known(
        "a constant", lambda x: 3.0, 2.0, 3.0, "nothing depends on x",
        derivative=0.0, second_derivative=0.0, gradient=0.0, jvp=(1.0, 0.0), vjp=(1.0, 0.0),
    )  # fmt: skip
    yield from _known(
        "a constant of a vector", lambda x: 3.0, pair, 3.0, "nothing depends on x",
        gradient=array([0.0, 0.0]), hessian=zeros, hvp=(pair, array([0.0, 0.0])),
    )  # fmt: skip
    yield from _known(
        "one element of three", lambda x: x[1] ** 2, array([1.0, 2.0, 3.0]), 4.0, "2x at it alone",
        gradient=array([0.0, 4.0, 0.0]), hvp=(array([1.0, 1.0, 1.0]), array([0.0, 2.0, 0.0])),
    )  # fmt: skip
    yield from _known(
        "a linear function", lambda x: np.sum(2.0 * x), pair, 6.0, "2, and then 0",
        gradient=array([2.0, 2.0]), hessian=zeros, hvp=(pair, array([0.0, 0.0])),
    )  # fmt: skip
    yield from _known(
        "a vector of one", lambda x: np.sum(x**3), array([2.0]), 8.0, "3x² and 6x, of shape (1,)",
        gradient=array([12.0]), hessian=array([[12.0]]), hvp=(array([2.0]), array([24.0])),
    )  # fmt: skip
    yield from _known(
        "from one to one", lambda x: x**2, array([3.0]), array([9.0]), "2x, of shape (1, 1)",
        jacobian=array([[6.0]]), derivative=array([6.0]),
    )  # fmt: skip
    yield from _known(
        "an array without axes", lambda x: x**2, array(3.0), 9.0, "2x, of shape ()",
        gradient=6.0, derivative=6.0, hessian=2.0,
    )  # fmt: skip
    yield from _known(
        "whole numbers", lambda x: np.sum(x**2), array([1, 2]), 5.0, "2x, as floats",
        gradient=array([2.0, 4.0]), hessian=array([[2.0, 0.0], [0.0, 2.0]]),
    )  # fmt: skip
    yield from _known(
        "single precision", lambda x: np.sum(x**3), array([1.0, 2.0], dtype=np.float32), 9.0, "3x²",
        gradient=array([3.0, 12.0]),
    )  # fmt: skip
    yield from _known(
        "no elements", lambda x: np.sum(x**2), np.zeros(0), 0.0, "an empty sum",
        gradient=np.zeros(0),
    )  # fmt: skip


def refusals() -> Sequence[Refusal]:
    """All input that must be refused."""
    pair = array([1.0, 2.0])
    return [
        Refusal("a vector where a number is due", "gradient", np.sin, pair, ShapeError),
        Refusal("a vector where a number is due", "hessian", np.sin, pair, ShapeError),
        Refusal("a vector where a number is due", "hvp", np.sin, pair, ShapeError, pair),
        Refusal("elements that mix", "derivative", np.cumsum, pair, ShapeError),
        Refusal("a number where a vector is due", "derivative", np.sum, pair, ShapeError),
        Refusal("an array where a number is due", "second_derivative", np.sin, pair, ShapeError),
        Refusal("a nest where a number is due", "derivative", lambda p: p[0], (1.0,), ShapeError),
        Refusal("v of another shape", "jvp", np.sin, pair, ShapeError, array([1.0, 2.0, 3.0])),
        Refusal("v of another shape", "hvp", np.sum, pair, ShapeError, 1.0),
        Refusal("u of another shape", "vjp", np.sin, pair, ShapeError, array([[1.0, 2.0]])),
        Refusal("u of another structure", "vjp", np.sum, pair, ShapeError, pair),
        Refusal("v of another structure", "jvp", lambda p: p["a"], {"a": 1.0}, ShapeError, (1.0,)),
        Refusal("no such argument", "derivative", np.sin, 1.0, ShapeError, argnums=1),
        Refusal("a function without result", "gradient", lambda x: None, pair, NonNumericError),
        Refusal("a text as result", "derivative", lambda x: "1.0", 1.0, NonNumericError),
        Refusal("an object as result", "jacobian", lambda x: object(), pair, NonNumericError),
        Refusal("a text as point", "gradient", lambda x: x, "1.0", NonNumericError),
        Refusal("objects as point", "gradient", np.sum, array([object()]), NonNumericError),
        Refusal("a point that is NaN", "derivative", np.sin, np.nan, NonFiniteError),
        Refusal("an infinite point", "gradient", np.sum, array([1.0, np.inf]), NonFiniteError),
        Refusal("a point outside the domain", "derivative", np.log, -1.0, DomainError),
        Refusal("a pole", "gradient", lambda x: np.sum(1.0 / x), array([1.0, 0.0]), DomainError),
    ]
