"""The names that a typed expression may use, and what each of them computes.

A name means what it means in NumPy and in ``scipy.special``; ``log`` is the natural logarithm, and
``ln``, ``asin``, ``lgamma``, ... are other spellings. Nothing else can be called.
"""

from __future__ import annotations

import builtins
import keyword
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ..errors import MissingPackageError, UnsupportedError


@dataclass(frozen=True)
class Operation:
    """An operator or a function of the language.

    Attributes:
        name: how it is written.
        path: the NumPy or SciPy function, as module and name.
        least, most: how many arguments it takes.
        fold: its value for plain floats, which raises ValueError or ZeroDivisionError outside its
            domain and OverflowError where the value overflows; None where it is not computed
            while reading.
        infix: how tightly it binds, for operators; 0 for functions.
        truth: whether the value is a truth value, of which only ``where`` and the logical
            operators make use.
    """

    name: str
    path: tuple[str, str]
    least: int
    most: int
    fold: Callable[..., float] | None = None
    infix: int = 0
    truth: bool = False

    def function(self) -> Callable[..., Any]:
        """The NumPy or SciPy function, on numbers, arrays and traced values alike."""
        module, name = self.path
        function = getattr(import_module(module), name)
        if self.most > 2 and self.name in ("min", "max"):
            return lambda *values: reduce(function, values)
        return function

    def require(self) -> None:
        """Raise MissingPackageError where its package is not installed; import nothing."""
        if self.path[0].startswith("scipy") and find_spec("scipy") is None:
            raise MissingPackageError(self.name, "scipy", extra="scipy")

    def sympy(self, *args: Any) -> Any:
        """The SymPy form of the operation on SymPy expressions, as the derivative table has it.

        Raises:
            UnsupportedError: there is none.
        """
        import sympy

        from ..rules import RULES, load_families

        if self.name in _FORMS:
            return _FORMS[self.name](sympy, *args)
        load_families()
        if self.path[0] == "scipy.special":
            from ..rules import special  # noqa: F401
        form = RULES[self.function()].sympy
        if form is None:
            raise UnsupportedError(f"{self.name} has no SymPy form")
        return getattr(sympy, form)(*args) if isinstance(form, str) else form(sympy, *args)


# Forms for which the table's would be evaluated, or not be understood by the evaluator.
_FORMS: dict[str, Callable[..., Any]] = {
    "min": lambda sp, *args: sp.Min(*args),
    "max": lambda sp, *args: sp.Max(*args),
    "sign": lambda sp, x: sp.sign(x),
    "log2": lambda sp, x: sp.log(x) / sp.log(2),
    "log10": lambda sp, x: sp.log(x) / sp.log(10),
    "where": lambda sp, condition, a, b: sp.Piecewise((a, condition), (b, True)),
    "clip": lambda sp, x, low, high: sp.Min(sp.Max(x, low), high),
}

CONSTANTS = {"pi": math.pi, "e": math.e}

# How tightly operators bind, loosest first, as in Python.
OR, AND, NOT, COMPARISON, SUM, PRODUCT, SIGN, POWER, ATOM = range(1, 10)

_OPERATORS = [
    ("or", "logical_or", OR, None),
    ("and", "logical_and", AND, None),
    ("<", "less", COMPARISON, None),
    ("<=", "less_equal", COMPARISON, None),
    (">", "greater", COMPARISON, None),
    (">=", "greater_equal", COMPARISON, None),
    ("==", "equal", COMPARISON, None),
    ("!=", "not_equal", COMPARISON, None),
    ("+", "add", SUM, operator.add),
    ("-", "subtract", SUM, operator.sub),
    ("*", "multiply", PRODUCT, operator.mul),
    ("/", "divide", PRODUCT, operator.truediv),
    ("**", "power", POWER, math.pow),
]

INFIX = {
    name: Operation(name, ("numpy", numpy), 2, 2, fold, binding, truth=binding <= COMPARISON)
    for name, numpy, binding, fold in _OPERATORS
}
NEGATIVE = Operation("-", ("numpy", "negative"), 1, 1, operator.neg, SIGN)
INVERSE = Operation("not", ("numpy", "logical_not"), 1, 1, None, NOT, truth=True)
WHERE = Operation("where", ("numpy", "where"), 3, 3)


def _sign(x: float) -> float:
    return (x > 0) - (x < 0)


_OF_ONE: dict[str, Callable[[float], float] | None] = {
    "sin": math.sin, "cos": math.cos, "tan": math.tan,
    "arcsin": math.asin, "arccos": math.acos, "arctan": math.atan,
    "sinh": math.sinh, "cosh": math.cosh, "tanh": math.tanh,
    "arcsinh": math.asinh, "arccosh": math.acosh, "arctanh": math.atanh,
    "exp": math.exp, "exp2": math.exp2, "expm1": math.expm1,
    "log": math.log, "log2": math.log2, "log10": math.log10, "log1p": math.log1p,
    "sqrt": math.sqrt, "cbrt": math.cbrt, "sign": _sign,
    "floor": math.floor, "ceil": math.ceil, "sinc": None,
    "radians": math.radians, "degrees": math.degrees,
}  # fmt: skip

_SPECIAL: dict[str, tuple[str, int, Callable[..., float] | None]] = {
    "erf": ("erf", 1, math.erf),
    "erfc": ("erfc", 1, math.erfc),
    "erfi": ("erfi", 1, None),
    "erfinv": ("erfinv", 1, None),
    "dawsn": ("dawsn", 1, None),
    "ndtr": ("ndtr", 1, None),
    "gamma": ("gamma", 1, math.gamma),
    "gammaln": ("gammaln", 1, math.lgamma),
    "digamma": ("digamma", 1, None),
    "betaln": ("betaln", 2, None),
    "expit": ("expit", 1, None),
    "logit": ("logit", 1, None),
    "xlogy": ("xlogy", 2, None),
    "besselj": ("jv", 2, None),
    "bessely": ("yv", 2, None),
    "besseli": ("iv", 2, None),
    "besselk": ("kv", 2, None),
    "expi": ("expi", 1, None),
    "exp1": ("exp1", 1, None),
    "ellipk": ("ellipk", 1, None),
    "ellipe": ("ellipe", 1, None),
}

_MANY = 100

_FUNCTIONS = [
    *(Operation(name, ("numpy", name), 1, 1, fold) for name, fold in _OF_ONE.items()),
    Operation("abs", ("numpy", "absolute"), 1, 1, abs),
    Operation("min", ("numpy", "minimum"), 2, _MANY, min),
    Operation("max", ("numpy", "maximum"), 2, _MANY, max),
    Operation("hypot", ("numpy", "hypot"), 2, 2, math.hypot),
    Operation("arctan2", ("numpy", "arctan2"), 2, 2, math.atan2),
    Operation("logaddexp", ("numpy", "logaddexp"), 2, 2),
    Operation("mod", ("numpy", "remainder"), 2, 2, operator.mod),
    Operation("heaviside", ("numpy", "heaviside"), 2, 2),
    Operation("clip", ("numpy", "clip"), 3, 3),
    *(
        Operation(name, ("scipy.special", scipy), arguments, arguments, fold)
        for name, (scipy, arguments, fold) in _SPECIAL.items()
    ),
    WHERE,
]

_OTHER_SPELLINGS = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2",
    "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh",
    "ln": "log", "absolute": "abs", "fabs": "abs", "minimum": "min", "maximum": "max",
    "ceiling": "ceil", "sgn": "sign", "remainder": "mod", "deg2rad": "radians",
    "rad2deg": "degrees", "lgamma": "gammaln", "loggamma": "gammaln", "logistic": "expit",
    "sigmoid": "expit", "jv": "besselj", "yv": "bessely", "iv": "besseli", "kv": "besselk",
}  # fmt: skip

FUNCTIONS = {operation.name: operation for operation in _FUNCTIONS}
FUNCTIONS |= {other: FUNCTIONS[name] for other, name in _OTHER_SPELLINGS.items()}
FUNCTIONS |= dict.fromkeys(("pow", "power"), INFIX["**"])

# What to write for functions that are not there, where the nearest name would mislead.
INSTEAD = {
    "sec": "1/cos(x)", "csc": "1/sin(x)", "cot": "1/tan(x)", "sech": "1/cosh(x)",
    "csch": "1/sinh(x)", "coth": "1/tanh(x)", "factorial": "gamma(x + 1)",
    "round": "floor(x + 0.5)", "int": "floor(x)", "trunc": "sign(x)*floor(abs(x))",
    "beta": "exp(betaln(a, b))", "square": "x**2", "reciprocal": "1/x", "psi": "digamma(x)",
    "j0": "besselj(0, x)", "j1": "besselj(1, x)", "y0": "bessely(0, x)", "y1": "bessely(1, x)",
    "i0": "besseli(0, x)", "i1": "besseli(1, x)", "k0": "besselk(0, x)", "k1": "besselk(1, x)",
    "if": "where(x > 0, a, b)", "Piecewise": "where(x > 0, a, b)",
}  # fmt: skip

LOGICAL = frozenset(("and", "or", "not"))
_NOT_FINITE = frozenset(("nan", "inf", "infinity", "oo"))
_PYTHON = frozenset(keyword.kwlist) | frozenset(dir(builtins))


def refusal(name: str) -> tuple[str, str] | None:
    """Why a name cannot be a variable, and what to write; None where it can.

    A variable is named by letters, digits and single underscores, beginning with a letter. Words
    of Python are refused as well, so that names are harmless wherever they are written.
    """
    from . import limits

    if len(name) > limits.NAME:
        return f"a name has at most {limits.NAME} characters", ""
    if not (name.isascii() and name.replace("_", "a").isalnum() and not name[0].isdigit()):
        return "a name is made of letters, digits and underscores", ""
    if name.startswith("_") or "__" in name:
        return "a name does not begin with an underscore nor contain two", "use another name"
    if name in FUNCTIONS:
        operation = FUNCTIONS[name]
        given = ", ".join("xyz"[: operation.least])
        if operation is WHERE:
            given = "x > 0, a, b"
        return f"{name} is a function", f"write {name}({given})"
    if name in CONSTANTS or name.lower() == "pi":
        return f"{name} stands for a constant", f"write {name.lower()}, or use another name"
    if name.lower() in _NOT_FINITE:
        return f"{name} is not a finite number", "use another name for a variable"
    if name in _PYTHON or name.lower() in ("true", "false", "none", "null"):
        return f"{name} is a word of Python", "use another name for a variable"
    return None
