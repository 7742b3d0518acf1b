"""Sparse derivatives from few products: one for each colour, whose elements are then told apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from scipy import sparse

from .._backends import Backend
from ..errors import ShapeError, SparsityError, UnsupportedError
from ..tape import Tracer, untraced
from .coloring import Coloring, as_pattern, coloring, require_symmetric
from .pattern import hessian_pattern, jacobian_pattern

Function = Callable[[Any], Any]

_PRODUCTS = {"columns": "jvp", "rows": "vjp", "symmetric": "hvp"}


@dataclass(frozen=True, eq=False)
class Compression:
    """A pattern, its colouring, and where each element of the matrix stands in the products.

    Attributes:
        operator: "jacobian" or "hessian".
        pattern: a Boolean csr_array.
        coloring: of its columns or rows; None where the backend has no products, and the elements
            are taken out of the dense matrix.
        checked: whether the pattern was given and not found. Then one more product, with a random
            vector, is held against the matrix: an element that the pattern misses would be lost,
            or taken for part of another.
    """

    operator: str
    pattern: Any
    coloring: Coloring | None
    checked: bool

    def data(self, backend: Backend, f: Function, x: Any) -> tuple[Any, Any]:
        """(f(x), the elements of the matrix); for a pattern that is checked, the elements and the
        product that they are held against. It can be recorded.

        Raises:
            ShapeError: the pattern is not one of f at x.
        """
        if self.coloring is None:
            return self._taken_out(backend, f, x)
        y, products = backend.value_and_products(
            self.product, f, x, lambda y: self.vectors(backend, x, y)
        )
        return y, self.elements(backend, x, products)

    @property
    def product(self) -> str:
        """The operator that gives the products."""
        assert self.coloring is not None
        return "hvp" if self.operator == "hessian" else _PRODUCTS[self.coloring.partition]

    def elements(self, backend: Backend, x: Any, products: list[Any]) -> Any:
        """The elements of the matrix, from the products with all vectors."""
        flat = [np.reshape(p, -1) for p in products]
        probe = flat.pop() if self.checked else None
        data: Any = np.concatenate(flat)[self._places] if flat else np.zeros(0)
        if not backend.exact:
            data = data / self._scale(x)[self._sources]
        return data if probe is None else (data, probe)

    def matrix(self, backend: Backend, x: Any, data: Any) -> Any:
        """The sparse matrix of the data.

        Raises:
            SparsityError: the pattern misses elements.
        """
        data, probe = data if self.checked else (data, None)
        made = sparse.csr_array(
            (data, self.pattern.indices.copy(), self.pattern.indptr.copy()),
            shape=self.pattern.shape,
        )
        if probe is not None:
            self._require_complete(backend, x, made, probe)
        return made

    # Products

    @property
    def _by_rows(self) -> bool:
        return self.coloring is not None and self.coloring.partition == "rows"

    def vectors(self, backend: Backend, x: Any, y: Any) -> list[Any]:
        """What is to be multiplied with: for each colour the sum of its unit vectors, in units of
        each element's own size where steps are taken.

        Raises:
            UnsupportedError: y is complex.
            ShapeError: the pattern is not one of f at x.
        """
        _require_real(y, "f(x)")
        shape = np.shape(untraced(x if self.operator == "hessian" else y))
        self._require_shape((prod(shape), prod(np.shape(untraced(x)))))
        assert self.coloring is not None
        like = y if self._by_rows else x
        sizes = self._scale(x) if not backend.exact else 1.0
        colors = self.coloring.colors
        seeds = [(colors == k) * sizes for k in range(self.coloring.count)]
        if self.checked:
            seeds.append(self._random() * sizes)
        dtype = getattr(untraced(like), "dtype", np.dtype(float))
        return [_like(np.asarray(v, dtype), like) for v in seeds]

    def _scale(self, x: Any) -> Any:
        """Powers of two near the size of each element of x, which add no rounding."""
        if self._by_rows:
            return np.ones(self.pattern.shape[0])
        return 2.0 ** np.round(np.log2(np.maximum(1.0, np.abs(np.reshape(x, -1)))))

    def _random(self) -> Any:
        rng = np.random.default_rng(0)
        return rng.uniform(0.5, 1.5, self.pattern.shape[0 if self._by_rows else 1])

    @cached_property
    def _where(self) -> tuple[Any, Any]:
        """For each element its place in the products, one after the other, and the column (row)
        whose unit vector brought it there."""
        assert self.coloring is not None
        colors = self.coloring.colors
        m, n = self.pattern.shape
        i = np.repeat(np.arange(m), np.diff(self.pattern.indptr))
        j = self.pattern.indices.astype(np.int64)
        if self._by_rows:
            return colors[i] * n + j, i
        places = colors[j] * m + i
        if self.coloring.partition != "symmetric":
            return places, j
        # What is not alone in its place is alone in that of the element across the diagonal.
        alone = np.bincount(places, minlength=1)[places] == 1
        return np.where(alone, places, colors[i] * n + j), np.where(alone, j, i)

    @property
    def _places(self) -> Any:
        return self._where[0]

    @property
    def _sources(self) -> Any:
        return self._where[1]

    def _taken_out(self, backend: Backend, f: Function, x: Any) -> tuple[Any, Any]:
        y, dense = getattr(backend, f"value_and_{self.operator}")(f, x)
        dense = np.reshape(dense, (-1, np.size(x)))
        self._require_shape(dense.shape)
        places = self.pattern.tocoo()
        data = dense[places.row, places.col]
        return y, (data, dense @ self._random()) if self.checked else data

    def _require_shape(self, shape: tuple[int, ...]) -> None:
        if self.pattern.shape != shape:
            raise ShapeError(
                f"the sparsity pattern has shape {self.pattern.shape}, and the {self.operator} at "
                f"this point {shape}"
            )

    def _require_complete(self, backend: Backend, x: Any, made: Any, probe: Any) -> None:
        v = self._random() * (self._scale(x) if not backend.exact else 1.0)
        matrix = made.T if self._by_rows else made
        size = abs(matrix) @ np.abs(v)
        most = float(np.max(np.abs(np.append(size, probe)), initial=0.0))
        # Rounding is of the size of the terms; a backend that takes steps makes errors everywhere.
        allowed = 1e-8 * np.maximum(size, 1e-6 * most) if backend.exact else 1e-4 * most
        wrong = np.abs(probe - matrix @ v) > allowed
        if np.any(wrong):
            what = "column" if self._by_rows else "row"
            raise SparsityError(
                f"the sparsity pattern that was given misses elements that are not zero: its "
                f"product with a random vector is wrong in {int(np.sum(wrong))} {what}s, the first "
                f"of them {int(np.argmax(wrong))}; add them, or have it found with sparse=True"
            )


def _like(v: Any, like: Any) -> Any:
    """A vector in the shape of a value; a float for a float."""
    shape = np.shape(untraced(like))
    return np.reshape(v, shape) if shape else v[0] if v.dtype != float else float(v[0])


# Making one


def found_pattern(operator: str, f: Function, x: Any, others: Any = (), zeros: bool = True) -> Any:
    """The pattern as the tape of f has it; see ``jacobian_pattern``."""
    require_plain(x)
    find = hessian_pattern if operator == "hessian" else jacobian_pattern
    return find(f, x, others, zeros)


def compression(operator: str, backend: Backend, pattern: Any, given: bool) -> Compression:
    """A pattern that was found or given, coloured for the products that the backend has.

    Raises:
        ShapeError: the pattern is not a matrix, or is that of a Hessian and not symmetric.
    """
    if given:
        pattern = as_pattern(pattern)
    if operator == "hessian":
        if given:
            require_symmetric(pattern)
        return Compression(operator, pattern, coloring(pattern, "symmetric"), given)
    sides = [side for side in ("columns", "rows") if backend.support(_PRODUCTS[side]) == "native"]
    if not sides:
        return Compression(operator, pattern, None, given)
    return Compression(operator, pattern, coloring(pattern, None if sides[1:] else sides[0]), given)


def value_and_matrix(
    operator: str, backend: Backend, f: Function, x: Any, given: Any
) -> tuple[Any, Any]:
    """(f(x), the sparse matrix).

    Args:
        operator: "jacobian" or "hessian".
        backend: what differentiates.
        f: a function of x alone.
        x: a float or an array.
        given: True, to have the pattern found, or a pattern.

    Raises:
        UnsupportedError: x or f(x) is complex or being recorded, or f cannot be recorded.
        ShapeError, SparsityError: the pattern that was given is not one of f.
    """
    require_plain(x)
    own = is_pattern(given)
    pattern = given if own else found_pattern(operator, f, x)
    made = compression(operator, backend, pattern, own)
    y, data = made.data(backend, f, x)
    return y, made.matrix(backend, x, data)


def is_pattern(given: Any) -> bool:
    """Whether ``sparse`` is a pattern, and not just switched on."""
    return not isinstance(given, (bool, np.bool_))


def require_plain(x: Any) -> None:
    """Refuse a point that is being recorded, or complex.

    Raises:
        UnsupportedError: it is.
    """
    if type(x) is Tracer:
        raise UnsupportedError(
            "a sparse derivative cannot be differentiated again; leave sparse out inside of a "
            "function that is differentiated"
        )
    _require_real(x, "x")


def _require_real(value: Any, name: str) -> None:
    if np.asarray(untraced(value)).dtype.kind == "c":
        raise UnsupportedError(
            f"sparse derivatives are those of real functions, and {name} is complex; take real and "
            f"imaginary parts apart, or leave sparse out"
        )
