"""What to say where a function gives its argument to a library that does not know of tracers."""

from __future__ import annotations

from types import TracebackType
from typing import NoReturn

from ..errors import DiffkitError, TracerConversionError

_WITH_ARRAYS_OF_THEIR_OWN = {
    "jax": "JAX", "torch": "PyTorch", "autograd": "autograd", "casadi": "CasADi",
    "symengine": "SymEngine",
}  # fmt: skip
_IN_MESSAGES = {"torch": "must be Tensor, not Tracer"}  # where they do not name themselves
_NOT_A_NUMBER = "setting an array element with a sequence"  # NumPy's word for an array of objects


def raise_explained(error: TypeError | ValueError) -> NoReturn:
    """Raise an error that a function raised while it was recorded; with advice, where a library
    was given a traced value."""
    advice = None if isinstance(error, DiffkitError) else _advice(error)
    if advice is None:
        raise error
    raise TracerConversionError(advice) from error


def _advice(error: TypeError | ValueError) -> str | None:
    called, told = _calls(error.__traceback__), str(error)
    if type(error) is not TypeError and _NOT_A_NUMBER not in told:
        return None
    for package, title in _WITH_ARRAYS_OF_THEIR_OWN.items():
        if package in [owner for owner, _ in called] or _IN_MESSAGES.get(package, title) in told:
            return (
                f"the function was written for {title}, which does not take traced values; use "
                f"backend={package!r}, or write it with NumPy"
            )
    if called and called[-1][0] == "scipy":
        return _of_scipy([name for _, name in called])
    if "Tracer" in told:
        return (
            f"a traced value was given to something that does not take it ({told}); use NumPy's "
            f"functions, declare a primitive with dk.primitive, or use a backend that calls the "
            f"function as it is: backend='finite_difference'"
        )
    return None


def _of_scipy(names: list[str]) -> str:
    from importlib import import_module

    # Named where it is needed alone: it imports SciPy.
    own = set(import_module("diffkit.scipy").__all__).intersection(names)
    if own:
        name = sorted(own)[0]
        return (
            f"SciPy's {name} does not take traced values; use diffkit.scipy.{name}, which gives "
            f"the same and has a derivative"
        )
    return (
        f"SciPy's {names[0]} does not take traced values; use NumPy's functions or those of "
        f"diffkit.scipy, declare a primitive with dk.primitive, or use "
        f"backend='finite_difference'"
    )


def _calls(trace: TracebackType | None) -> list[tuple[str, str]]:
    """The package and the name of each function on the way to an error, the innermost last; from
    the first on that belongs to a library."""
    found: list[tuple[str, str]] = []
    while trace is not None:
        frame = trace.tb_frame
        package = frame.f_globals.get("__name__", "").partition(".")[0]
        if found or package in _WITH_ARRAYS_OF_THEIR_OWN or package == "scipy":
            found.append((package, frame.f_code.co_name))
        trace = trace.tb_next
    return found
