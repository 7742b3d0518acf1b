"""The primitives in PyTorch's terms.

PyTorch names many functions as NumPy does and means something else. So no name is taken on trust:
the tables say what each differentiable primitive is. What has no derivative is computed by NumPy,
on the memory of the tensors, where it is in no table.
"""

from __future__ import annotations

import operator as op

import numpy as np
import torch
from torch.nn import functional

from ...errors import UnsupportedError
from ...rules import Primitive
from ...tape.replay.elsewhere import Operation
from . import elementwise, indexing, linalg, products, reductions, shapes
from .dtypes import as_ufunc, by_numpy, constant, inexact, listed, tensor

__all__ = ["operation", "tensor"]


def operation(rule: Primitive) -> Operation:
    """PyTorch's function for a primitive.

    Raises:
        UnsupportedError: it has none.
    """
    if rule.name in _STEPS:
        return as_ufunc(_UFUNCS.get(rule.name, rule.fn), constant(_STEPS[rule.name]))
    if not rule.differentiable:
        return by_numpy(rule)
    if rule.name in _ELEMENTWISE:
        return as_ufunc(_UFUNCS.get(rule.name, rule.fn), _ELEMENTWISE[rule.name])
    if rule.name in _OF_TENSORS:
        return as_ufunc(rule.fn, _OF_TENSORS[rule.name], scalars=False)
    if rule.name in _OTHERS:
        return _OTHERS[rule.name]
    raise UnsupportedError(f"torch has no {rule.name}; use backend='reverse'")


# A function that NumPy has as a ufunc. These take Python's numbers as well as tensors:
_ELEMENTWISE: dict[str, Operation] = {
    "add": op.add, "subtract": op.sub, "multiply": op.mul, "divide": op.truediv,
    "power": elementwise.power, "negative": op.neg, "positive": op.pos, "absolute": torch.abs,
    "fabs": torch.abs, "square": torch.square, "sqrt": torch.sqrt, "cbrt": elementwise.cbrt,
    "reciprocal": torch.reciprocal,
    "exp": torch.exp, "exp2": torch.exp2, "expm1": torch.expm1, "log": torch.log,
    "log2": torch.log2, "log10": torch.log10, "log1p": torch.log1p,
    "sin": torch.sin, "cos": torch.cos, "tan": torch.tan, "arcsin": torch.arcsin,
    "arccos": torch.arccos, "arctan": torch.arctan, "sinh": torch.sinh, "cosh": torch.cosh,
    "tanh": torch.tanh, "arcsinh": torch.arcsinh, "arccosh": torch.arccosh,
    "arctanh": torch.arctanh, "deg2rad": torch.deg2rad, "radians": torch.deg2rad,
    "rad2deg": torch.rad2deg, "degrees": torch.rad2deg, "conjugate": torch.conj,
    "digamma": torch.special.digamma, "psi": torch.special.digamma, "entr": torch.special.entr,
    "erf": torch.special.erf, "erfc": torch.special.erfc, "erfcx": torch.special.erfcx,
    "erfinv": torch.special.erfinv, "expit": torch.special.expit,
    "exp10": lambda x: torch.pow(10.0, x), "cosm1": lambda x: -2 * torch.sin(x / 2) ** 2,
    "gammaln": torch.special.gammaln, "i0e": torch.special.i0e, "log_expit": functional.logsigmoid,
    "log_ndtr": torch.special.log_ndtr, "logit": torch.special.logit, "ndtr": torch.special.ndtr,
    "ndtri": torch.special.ndtri,
}  # fmt: skip
# likewise, without a derivative:
_STEPS: dict[str, Operation] = {
    "greater": op.gt, "greater_equal": op.ge, "less": op.lt, "less_equal": op.le, "equal": op.eq,
    "not_equal": op.ne, "logical_not": torch.logical_not, "isnan": torch.isnan,
    "isinf": torch.isinf, "isfinite": torch.isfinite, "floor": torch.floor, "ceil": torch.ceil,
    "trunc": torch.trunc, "rint": torch.round, "sign": torch.sign, "bitwise_and": op.and_,
    "bitwise_or": op.or_, "invert": op.invert,
}  # fmt: skip
# and these take tensors alone:
_OF_TENSORS: dict[str, Operation] = {
    "arctan2": torch.arctan2, "copysign": torch.copysign, "float_power": elementwise.power,
    "fmax": elementwise.passing_over_nan(torch.maximum),
    "fmin": elementwise.passing_over_nan(torch.minimum),
    "fmod": torch.fmod, "gammainc": torch.special.gammainc, "gammaincc": torch.special.gammaincc,
    "heaviside": elementwise.heaviside, "hypot": torch.hypot, "ldexp": elementwise.ldexp,
    "logaddexp": torch.logaddexp, "logaddexp2": torch.logaddexp2, "matmul": torch.matmul,
    "maximum": torch.maximum, "minimum": torch.minimum, "remainder": torch.remainder,
    "xlog1py": torch.special.xlog1py, "xlogy": torch.special.xlogy,
}  # fmt: skip
# Primitives that stand for a ufunc without being one
_UFUNCS = {"power": np.power, "sign": np.sign}
_OTHERS: dict[str, Operation] = {
    "amax": reductions.extreme(torch.amax, -torch.inf),
    "amin": reductions.extreme(torch.amin, torch.inf),
    "angle": elementwise.angle,
    "astype": elementwise.astype,
    "broadcast_to": lambda x, shape, subok=False: x.broadcast_to(listed(shape)),
    "cholesky_lower": lambda a: torch.linalg.cholesky(linalg.mirrored(inexact(a))),
    "cleared": lambda x, *index: indexing.setitem(x, 0.0, *index),
    "concatenate": products.concatenate,
    "convolve": products.convolve,
    "copy": lambda x, order="K", subok=False: x,
    "cross": products.of_pair(
        lambda a, b: torch.linalg.cross(*torch.broadcast_tensors(a, b), dim=-1)
    ),
    "cumprod": reductions.cumulative(torch.cumprod),
    "cumsum": reductions.cumulative(torch.cumsum),
    "det": linalg.det,
    "diagonal": indexing.diagonal,
    "diff": products.difference,
    "eig": linalg.eig,
    "eigh": linalg.eigh,
    "einsum": products.einsum,
    "expm": lambda a: torch.linalg.matrix_exp(inexact(a)),
    "expand_dims": shapes.expand_dims,
    "fft": products.transform(torch.fft.fft),
    "fftshift": products.shift(torch.fft.fftshift),
    "flip": lambda x, axis=None: x.flip(reductions.axes_of(x, axis)),
    "fliplr": torch.fliplr,
    "flipud": torch.flipud,
    "getitem": indexing.getitem,
    "i0": lambda x: torch.special.i0(inexact(x)),
    "ifft": products.transform(torch.fft.ifft),
    "ifftshift": products.shift(torch.fft.ifftshift),
    "imag": elementwise.imag,
    "inv": lambda a: torch.linalg.inv(inexact(a)),
    "irfft": products.transform(torch.fft.irfft),
    "log_softmax": reductions.soft(torch.log_softmax),
    "logsumexp": reductions.logsumexp,
    "matrix_transpose": lambda x: x.mT,
    "max": reductions.extreme(torch.amax, -torch.inf),
    "mean": reductions.mean,
    "median": reductions.median(np.median),
    "min": reductions.extreme(torch.amin, torch.inf),
    "moveaxis": shapes.moveaxis,
    "nan_to_num": elementwise.nan_to_num,
    "nanmedian": reductions.median(np.nanmedian),
    "nanmax": reductions.extreme(torch.amax, -torch.inf, nan=True),
    "nanmin": reductions.extreme(torch.amin, torch.inf, nan=True),
    "nanpercentile": reductions.quantile(np.nanpercentile),
    "nanquantile": reductions.quantile(np.nanquantile),
    "outer": products.outer,
    "p_norm": reductions.norm,
    "percentile": reductions.quantile(np.percentile),
    "pinv": linalg.pinv,
    "place_diagonal": indexing.place_diagonal,
    "prod": reductions.product,
    "quantile": reductions.quantile(np.quantile),
    "qr_tall": lambda a: torch.linalg.qr(inexact(a)),
    "ravel": lambda x, order="C": shapes.reshape(x, -1, order),
    "real": elementwise.real,
    "repeat": shapes.repeat,
    "reshape": shapes.reshape,
    "rfft": products.transform(torch.fft.rfft),
    "roll": shapes.roll,
    "rot90": shapes.rot90,
    "scatter": indexing.scatter,
    "sech_squared": lambda x: 4 * torch.sigmoid(2 * x) * torch.sigmoid(-2 * x),
    "sinc": lambda x: elementwise.sinc(inexact(x)),
    "setitem": indexing.setitem,
    "slogdet": lambda a: torch.linalg.slogdet(inexact(a)),
    "softmax": reductions.soft(torch.softmax),
    "solve_columns": linalg.solve,
    "solve_lower": linalg.triangular(upper=False),
    "solve_upper": linalg.triangular(upper=True),
    "squeeze": shapes.squeeze,
    "stack": products.stack,
    "std": reductions.deviation,
    "sum": reductions.total,
    "svd_thin": lambda a: torch.linalg.svd(inexact(a), full_matrices=False),
    "swapaxes": lambda x, axis1, axis2: x.swapaxes(axis1, axis2),
    "tensordot": products.tensordot,
    "tile": shapes.tile,
    "transpose": shapes.transpose,
    "transposed_inverse": lambda a: torch.linalg.inv(inexact(a)).mT,
    "tril": shapes.triangle(np.tril),
    "triu": shapes.triangle(np.triu),
    "unwrap": elementwise.unwrap,
    "var": reductions.variance,
    "where": elementwise.choose,
    "zeta": products.of_pair(torch.special.zeta),
}
