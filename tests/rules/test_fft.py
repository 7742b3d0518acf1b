"""The rules of diffkit/rules/fft.py."""

from __future__ import annotations

import numpy as np
import pytest

from diffkit.tape import record, reverse_sweep

from .rule_checker import Case, check_rule

RNG = np.random.default_rng(3)
SIX, FIVE = RNG.normal(size=6), RNG.normal(size=5)
REAL = RNG.normal(size=(3, 4))
CUBE = RNG.normal(size=(2, 3, 4))
COMPLEX = REAL + 1j * RNG.normal(size=(3, 4))
COMPLEX_CUBE = CUBE + 1j * RNG.normal(size=(2, 3, 4))
f = np.fft

# n smaller and larger than the axis, even and odd; each axis; each norm.
LENGTHS = [{}, {"n": 3}, {"n": 4}, {"n": 7}, {"n": 8}, {"n": 1}, {"n": 2}]
PLACES = [{"axis": 0}, {"axis": -2, "n": 5}, {"axis": 1, "norm": "ortho"}, {"norm": "forward"},
          {"norm": "backward", "n": 6}, {"norm": "forward", "axis": 0, "n": 2}]  # fmt: skip
SHAPES = [{}, {"s": (2, 5), "axes": (0, 1)}, {"axes": (1, 0)}, {"norm": "ortho"},
          {"s": (4, 3), "axes": (-2, -1), "norm": "forward"}]  # fmt: skip

CASES = [
    *(Case(fn, (x,), kwargs=k) for fn in (f.fft, f.ifft, f.rfft, f.ihfft) for x in (SIX, FIVE)
      for k in LENGTHS),
    *(Case(fn, (x,), kwargs=k) for fn in (f.fft, f.ifft) for x in (REAL, COMPLEX) for k in PLACES),
    *(Case(fn, (REAL,), kwargs=k) for fn in (f.rfft, f.ihfft) for k in PLACES),
    *(Case(fn, (x,), kwargs=k) for fn in (f.irfft, f.hfft) for x in (REAL, COMPLEX)
      for k in LENGTHS + PLACES),
    *(Case(fn, (x,), kwargs=k) for fn in (f.fft2, f.ifft2, f.fftn, f.ifftn, f.irfft2, f.irfftn)
      for x in (REAL, COMPLEX) for k in SHAPES),
    *(Case(fn, (REAL,), kwargs=k) for fn in (f.rfft2, f.rfftn) for k in SHAPES),
    *(Case(fn, (COMPLEX_CUBE,), kwargs=k) for fn in (f.fftn, f.ifftn, f.irfftn)
      for k in ({}, {"axes": (0, 2)}, {"s": (-1, 5), "axes": (2, 0)})),
    *(Case(f.rfftn, (CUBE,), kwargs=k) for k in ({}, {"axes": (0, 1)}, {"axes": (2,)})),
    *(Case(fn, (x,), kwargs=k) for fn in (f.fftshift, f.ifftshift)
      for x, k in ((FIVE, {}), (COMPLEX, {}), (CUBE, {"axes": (1, 2)}), (CUBE, {"axes": -2}))),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    check_rule(case)


def test_the_gradient_of_the_power_spectrum_obeys_parseval() -> None:
    # sum |fft(x)|^2 = n sum x^2, so the gradient is 2 n x.
    rows, _y, k = record(
        lambda x: np.sum(np.real(np.fft.fft(x) * np.conjugate(np.fft.fft(x)))), [SIX]
    )
    (gradient,) = reverse_sweep(rows, 1, k, 1.0)
    np.testing.assert_allclose(gradient, 12 * SIX, rtol=1e-13)


def test_the_gradient_of_the_real_power_spectrum_counts_inner_frequencies_once() -> None:
    # x = (a, b): rfft = (a + b, a - b), so sum |.|^2 = 2 a^2 + 2 b^2.
    rows, _y, k = record(
        lambda x: np.sum(np.real(np.fft.rfft(x) * np.conjugate(np.fft.rfft(x)))),
        [np.array([3.0, 5.0])],
    )
    (gradient,) = reverse_sweep(rows, 1, k, 1.0)
    np.testing.assert_allclose(gradient, [12.0, 20.0], rtol=1e-14)
