"""Discrete Fourier transforms.

Four transforms along one axis have rules of their own; all others are made of these, in the order
in which NumPy applies them. The DFT matrix is symmetric, so the transposes that a VJP needs are
forward transforms again. A transform of length n crops its input or fills it up with zeros, and
the transpose of either is the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .primitive import composite, linear


def _fitted(g, x, axis):
    """g along axis cropped, or filled up with zeros, to the length of x."""
    have, want = np.shape(g)[axis], np.shape(x)[axis]
    if have >= want:
        return g[(slice(None),) * (axis % np.ndim(g)) + (slice(want),)]
    shape = list(np.shape(g))
    shape[axis] = want - have
    return np.concatenate([g, np.zeros(shape)], axis)


def _multiplicity(n, axis, ndim):
    """How often each frequency of a half spectrum stands in the whole one of length n."""
    times = np.full(n // 2 + 1, 2.0)
    times[0] = 1.0
    if n % 2 == 0:
        times[-1] = 1.0
    return np.reshape(times, (-1,) + (1,) * (ndim - 1 - axis % ndim))


def _rfft_vjp(g, y, x, n=None, axis=-1, norm=None, out=None):
    n = np.shape(x)[axis] if n is None else n
    halved = g / _multiplicity(n, axis, np.ndim(x))
    return _fitted(np.fft.hfft(halved, n, axis, norm), x, axis)


def _irfft_vjp(g, y, x, n=None, axis=-1, norm=None, out=None):
    n = np.shape(g)[axis]
    doubled = np.fft.ihfft(g, n, axis, norm) * _multiplicity(n, axis, np.ndim(x))
    return _fitted(doubled, x, axis)


linear(
    np.fft.fft,
    lambda g, y, x, n=None, axis=-1, norm=None, out=None: _fitted(
        np.fft.fft(g, None, axis, norm), x, axis
    ),
)
linear(
    np.fft.ifft,
    lambda g, y, x, n=None, axis=-1, norm=None, out=None: _fitted(
        np.fft.ifft(g, None, axis, norm), x, axis
    ),
)
linear(np.fft.rfft, _rfft_vjp)
linear(np.fft.irfft, _irfft_vjp)

linear(np.fft.fftshift, lambda g, y, x, axes=None: np.fft.ifftshift(g, axes))
linear(np.fft.ifftshift, lambda g, y, x, axes=None: np.fft.fftshift(g, axes))

# The transforms of Hermitian signals are those of real ones with the directions exchanged, and
# with them the direction that carries the factor 1/n.
_EXCHANGED: dict[str | None, Any] = {
    None: "forward",
    "backward": "forward",
    "forward": "backward",
    "ortho": "ortho",
}


@composite(np.fft.hfft)
def hfft(a, n=None, axis=-1, norm=None, out=None):
    """The real spectrum of a Hermitian signal, of which half is given."""
    return np.fft.irfft(np.conjugate(a), n, axis, _EXCHANGED[norm])


@composite(np.fft.ihfft)
def ihfft(a, n=None, axis=-1, norm=None, out=None):
    """The inverse of hfft."""
    return np.conjugate(np.fft.rfft(a, n, axis, _EXCHANGED[norm]))


def _passes(a, s, axes):
    """The length (None: as it is) and the axis of each transform of one axis."""
    if axes is None:
        axes = range(-(np.ndim(a) if s is None else len(s)), 0)
    lengths = [None] * len(axes) if s is None else [None if n == -1 else n for n in s]
    return list(zip(lengths, axes, strict=True))


@composite(np.fft.fftn)
def fftn(a, s=None, axes=None, norm=None, out=None):
    """fft along each axis, the last one first."""
    for n, axis in reversed(_passes(a, s, axes)):
        a = np.fft.fft(a, n, axis, norm)
    return a


@composite(np.fft.ifftn)
def ifftn(a, s=None, axes=None, norm=None, out=None):
    """ifft along each axis, the last one first."""
    for n, axis in reversed(_passes(a, s, axes)):
        a = np.fft.ifft(a, n, axis, norm)
    return a


@composite(np.fft.rfftn)
def rfftn(a, s=None, axes=None, norm=None, out=None):
    """rfft along the last axis, then fft along the others."""
    *others, (n, axis) = _passes(a, s, axes)
    a = np.fft.rfft(a, n, axis, norm)
    for n, axis in reversed(others):
        a = np.fft.fft(a, n, axis, norm)
    return a


@composite(np.fft.irfftn)
def irfftn(a, s=None, axes=None, norm=None, out=None):
    """ifft along all axes but the last, then irfft along it."""
    *others, (last, last_axis) = _passes(a, s, axes)
    for n, axis in others:
        a = np.fft.ifft(a, n, axis, norm)
    return np.fft.irfft(a, last, last_axis, norm)


composite(np.fft.fft2)(lambda a, s=None, axes=(-2, -1), norm=None, out=None: fftn(a, s, axes, norm))
composite(np.fft.ifft2)(
    lambda a, s=None, axes=(-2, -1), norm=None, out=None: ifftn(a, s, axes, norm)
)
composite(np.fft.rfft2)(
    lambda a, s=None, axes=(-2, -1), norm=None, out=None: rfftn(a, s, axes, norm)
)
composite(np.fft.irfft2)(
    lambda a, s=None, axes=(-2, -1), norm=None, out=None: irfftn(a, s, axes, norm)
)
