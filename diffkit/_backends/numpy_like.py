"""The primitives in the terms of a library whose namespace is modelled on NumPy's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from ..rules import Primitive
from ..tape.replay.elsewhere import Operation


@dataclass(frozen=True)
class Trusted:
    """What a library was found to differentiate wrongly in silence, and is therefore not asked.

    Attributes:
        wrong: names of primitives.
        of_complex: names of primitives whose derivatives are wrong for complex numbers.
        ignored: keywords that its derivative rules do not look at.
    """

    wrong: frozenset[str] = frozenset()
    of_complex: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()

    def checked(self, library: str, name: str, found: Operation) -> Operation:
        """The library's function, which refuses what is known to come out wrong."""

        def refusal(what: str) -> UnsupportedError:
            return UnsupportedError(
                f"{library} differentiates {name}{what} wrongly; use backend='reverse'"
            )

        def call(*args: Any, **kwargs: Any) -> Any:
            for keyword in self.ignored.intersection(kwargs):
                raise refusal(f" with {keyword}")
            if name in self.of_complex and np.iscomplexobj(args[0]):
                raise refusal(" of complex numbers")
            return found(*args, **kwargs)

        if name in self.wrong:
            raise refusal("")
        return call if self.ignored or name in self.of_complex else found


def operation(
    rule: Primitive, library: str, namespaces: Sequence[Any], trusted: Trusted
) -> Operation:
    """The library's function for a primitive.

    Args:
        rule: the primitive.
        library: what to call the library in a message.
        namespaces: where to look for functions by their NumPy or SciPy names. The first has the
            functions of ``numpy`` itself, and ``linalg`` among them.
        trusted: what not to ask it.

    Raises:
        UnsupportedError: there is none, or it is not to be trusted.
    """
    if rule.name in _ALIKE:
        return trusted.checked(library, rule.name, _ALIKE[rule.name](namespaces[0]))
    name = rule.fn.__name__
    for namespace in namespaces:
        if not name.startswith("_") and hasattr(namespace, name):
            return trusted.checked(library, rule.name, getattr(namespace, name))
    raise UnsupportedError(f"{library} has no {rule.name}; use backend='reverse'")


def _power(xp: Any) -> Operation:
    """Whole exponents as such: libraries then multiply, and the base may be negative or 0."""

    def power(a: Any, b: Any) -> Any:
        whole = type(b) is float and b.is_integer() and abs(b) < 64
        return a ** int(b) if whole else xp.power(a, b)

    return power


def _place_diagonal(xp: Any) -> Operation:
    def place(g: Any, shape: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
        k = np.arange(np.shape(g)[-1])
        rows, columns = np.zeros((len(k), shape[axis1])), np.zeros((len(k), shape[axis2]))
        rows[k, k + max(-offset, 0)] = columns[k, k + max(offset, 0)] = 1.0
        return xp.moveaxis(xp.einsum("...k,kr,kc->...rc", g, rows, columns), (-2, -1),
                           (axis1, axis2))  # fmt: skip

    return place


def _neighbours(xp: Any) -> Operation:
    """The position is a matter of the number of elements, and NumPy tells it."""

    def neighbours(x: Any, fn: Any, axis: Any, *args: Any, **kwargs: Any) -> Any:
        if fn.__name__.startswith("nan"):
            raise UnsupportedError(f"np.{fn.__name__} has no counterpart; use backend='reverse'")
        n = np.ndim(x)
        axes = tuple(range(n)) if axis is None else tuple(k % n for k in np.atleast_1d(axis))
        rest = tuple(k for k in range(n) if k not in axes)
        shape = (*(np.shape(x)[k] for k in rest), -1)
        rows = xp.reshape(xp.transpose(x, rest + axes), shape)
        places = np.arange(np.size(x)).reshape(np.shape(x)).transpose(rest + axes).reshape(shape)
        position = np.asarray(fn(np.arange(float(places.shape[-1])), *args, axis=-1, **kwargs))
        order = xp.argsort(rows, axis=-1)
        firsts = [
            np.arange(k).reshape([-1 if i == j else 1 for i in range(len(rest))])
            for j, k in enumerate(np.shape(rows)[:-1])
        ]
        lower, upper = (
            xp.asarray(places)[(*firsts, order[..., int(whole(position))])]
            for whole in (np.floor, np.ceil)
        )
        return lower, upper, position - np.floor(position)

    return neighbours


def _named(name: str) -> Callable[[Any], Operation]:
    return lambda xp: getattr(xp, name)


def _p_norm(xp: Any) -> Operation:
    return lambda x, p, axis=None, keepdims=False: (
        xp.sum(xp.abs(x) ** p, axis=axis, keepdims=keepdims) ** (1.0 / p)
        if p != 2 else xp.sqrt(xp.sum(xp.real(x * xp.conj(x)), axis=axis, keepdims=keepdims))
    )  # fmt: skip


def _of_one_triangle(name: str) -> Callable[[Any], Operation]:
    """NumPy reads one triangle of a Hermitian matrix alone, and so does the derivative."""

    def made(xp: Any) -> Operation:
        def of_triangle(a: Any, UPLO: str = "L") -> Any:
            lower = a if UPLO == "L" else xp.conj(xp.swapaxes(a, -1, -2))
            above = xp.conj(xp.swapaxes(xp.tril(lower, -1), -1, -2))
            return getattr(xp.linalg, name)(xp.tril(lower) + above)

        return of_triangle

    return made


# Primitives whose functions are not NumPy's own, by their names
_ALIKE: dict[str, Callable[[Any], Operation]] = {
    "power": _power,
    "float_power": _power,
    "constant": lambda xp: lambda c, *like: c,
    "getitem": lambda xp: lambda x, *index: x[index],
    "place_diagonal": _place_diagonal,
    "astype": lambda xp: lambda x, dtype: x.astype(dtype),
    "truncated": lambda xp: lambda x, dtype: x.astype(dtype),
    "sign": _named("sign"),
    "where": _named("where"),
    "diff": _named("diff"),
    "cross": _named("cross"),
    "convolve": _named("convolve"),
    "fix": _named("trunc"),
    "concatenate": lambda xp: lambda *arrays, axis: xp.concatenate(arrays, axis),
    "stack": lambda xp: lambda *arrays, axis: xp.stack(arrays, axis),
    "einsum": lambda xp: (
        lambda *operands, labels, out, optimize=False: xp.einsum(
            f"{','.join(labels)}->{out}", *operands
        )
    ),
    "neighbours": _neighbours,
    "sech_squared": lambda xp: lambda x: 1 / xp.cosh(x) ** 2,
    "solve_columns": lambda xp: xp.linalg.solve,
    "transposed_inverse": lambda xp: lambda a: xp.swapaxes(xp.linalg.inv(a), -1, -2),
    "p_norm": _p_norm,
    "pinv": lambda xp: lambda a, rcond=None, rtol=None: xp.linalg.pinv(a),
    "cholesky_lower": _of_one_triangle("cholesky"),
    "eigh": _of_one_triangle("eigh"),
    "eigvalsh": _of_one_triangle("eigvalsh"),
    "qr_tall": lambda xp: xp.linalg.qr,
    "svd_thin": lambda xp: lambda a: xp.linalg.svd(a, full_matrices=False),
    "lexsort": lambda xp: lambda keys, axis=-1: xp.lexsort(keys, axis),
}
