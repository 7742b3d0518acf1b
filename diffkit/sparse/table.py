"""The rule of dependence of each primitive that has one."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

import numpy as np

from ..rules import RULES, Primitive, indexing, load_families, shape
from ..tape.assignment import SETITEM, cleared
from . import contractions
from .dependence import (
    DependenceRule,
    along,
    assigned,
    cleared_at,
    column_by_column,
    differences,
    elementwise,
    masked,
    matrix_by_matrix,
    moved,
    on_a_diagonal,
    on_everything,
    put_together,
    read,
    reduction,
    running,
    scattered,
)

# NumPy's functions. A function is reduced or mixed along the axes that the named argument gives.
_MOVED = (
    *(np.reshape, np.ravel, np.expand_dims, np.squeeze, np.copy, np.transpose, np.swapaxes),
    *(np.matrix_transpose, np.moveaxis, np.flip, np.flipud, np.fliplr, np.rot90, np.roll),
    *(np.broadcast_to, np.repeat, np.tile, np.diagonal),
    *(np.fft.fftshift, np.fft.ifftshift),
)
_ELEMENTWISE = (np.real, np.imag, np.conjugate, np.angle, np.unwrap, np.nan_to_num)
_REDUCED = (
    *(np.sum, np.mean, np.var, np.std, np.prod, np.max, np.amax, np.min, np.amin),
    *(np.nanmax, np.nanmin, np.median, np.nanmedian),
)
_QUANTILES = (np.quantile, np.percentile, np.nanquantile, np.nanpercentile)
_TRANSFORMS = (np.fft.fft, np.fft.ifft, np.fft.rfft, np.fft.irfft)
_OF_MATRICES = (np.linalg.inv, np.linalg.det, np.linalg.slogdet, np.linalg.eig, np.linalg.eigh)

_RULES: dict[Any, DependenceRule] = {
    **dict.fromkeys(_MOVED, moved),
    **dict.fromkeys(_ELEMENTWISE, elementwise),
    **dict.fromkeys(_REDUCED, reduction(1)),
    **dict.fromkeys(_QUANTILES, reduction(2)),
    **dict.fromkeys(_TRANSFORMS, along(2)),
    **dict.fromkeys(_OF_MATRICES, matrix_by_matrix),
    np.cumsum: running,
    np.cumprod: running,
    np.tril: masked,
    np.triu: masked,
    np.matmul: contractions.matmul,
    np.tensordot: contractions.tensordot,
    np.outer: contractions.outer,
}


@cache
def _numpy() -> dict[Primitive, DependenceRule]:
    load_families()
    from ..rules import joins, linalg, products, selection, signal

    matrices = (
        linalg.pinv_of_any, linalg.cofactors, linalg.cofactor_slope, linalg.cholesky_lower,
        linalg.transposed_inverse,
    )  # fmt: skip
    return {
        **{RULES[fn]: rule for fn, rule in _RULES.items()},
        **dict.fromkeys((*matrices, linalg.qr_tall, linalg.svd_thin), matrix_by_matrix),
        shape.getitem: read,
        shape.scatter: scattered,
        shape.astype: elementwise,
        indexing.place_diagonal: on_a_diagonal,
        SETITEM: assigned,
        cleared: cleared_at,
        selection.where: elementwise,
        joins.join: put_together,
        joins.pile: put_together,
        signal.differences: differences,
        signal.convolve_full: contractions.convolution,
        products.contract: contractions.einsum,
        products.cross_product: contractions.cross,
        linalg.solve_columns: column_by_column,
        linalg.p_norm: reduction(2),
    }


@cache
def _scipy() -> dict[Primitive, DependenceRule]:
    from .. import scipy

    return {
        **dict.fromkeys((scipy._soft_max, scipy._log_soft_max), along(1, None)),
        **dict.fromkeys(
            (scipy._exponential, scipy._logarithm, scipy._square_root), matrix_by_matrix
        ),
        scipy._log_sum: reduction(1),
        scipy._lower_solution: column_by_column,
        scipy._upper_solution: column_by_column,
    }


def rule_of(primitive: Primitive) -> DependenceRule:
    """How the results of a primitive depend on its arguments."""
    if primitive.elementwise:
        return elementwise
    found = _numpy().get(primitive)
    if found is None and "diffkit.scipy" in sys.modules:
        found = _scipy().get(primitive)
    return found or on_everything
