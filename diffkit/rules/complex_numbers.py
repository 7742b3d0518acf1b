"""Parts of complex numbers.

The cotangent g of a complex value w = a + ib is the number for which a small change dw changes the
result by Re(g dw); of a real-valued f the gradient is df/da - i df/db. For holomorphic functions
it is the complex derivative. This is the convention of HIPS/autograd.
"""

from __future__ import annotations

import numpy as np

from .primitive import composite, locally_constant, primitive


def _turned(g, x):
    """The cotangent of an imaginary part, of which a real number sees nothing."""
    return -1j * g if np.iscomplexobj(x) else 0.0 * g


real = primitive(
    np.real,
    jvps=(lambda t, y, x: np.real(t),),
    vjps=(lambda g, y, x: g,),
    sympy="re",
    ball=lambda x: x,
)
imag = primitive(
    np.imag,
    jvps=(lambda t, y, x: np.imag(t),),
    vjps=(lambda g, y, x: _turned(g, x),),
    sympy="im",
    ball=lambda x: 0 * x,
)
conjugate = primitive(
    np.conjugate,
    jvps=(lambda t, y, x: np.conjugate(t),),
    vjps=(lambda g, y, x: np.conjugate(g),),
    sympy="conjugate",
    ball=lambda x: x,
)


def _per_turn(deg):
    return 180 / np.pi if deg else 1.0


# d log x = dx / x, of which the angle is the imaginary part.
angle = primitive(
    np.angle,
    jvps=(lambda t, y, x, deg=False: np.imag(t / x) * _per_turn(deg),),
    vjps=(lambda g, y, x, deg=False: _turned(g, x) / x * _per_turn(deg),),
    sympy=lambda sp, x: sp.arg(x),
)


@composite(np.real_if_close)
def real_if_close(a, tol=100):
    """The real part where all imaginary parts are within tol: machine epsilons if tol > 1."""
    if not np.iscomplexobj(a):
        return a
    if tol > 1:
        tol *= np.finfo(a.dtype).eps
    return np.real(a) if np.all(np.absolute(np.imag(a)) < tol) else a


composite(np.isrealobj)(lambda x: not np.iscomplexobj(x))
locally_constant(np.isreal, np.iscomplex)
