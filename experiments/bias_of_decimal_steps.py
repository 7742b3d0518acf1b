"""Why is (f(x + h) − f(x)) / h biased for h = 1e-9, and not for h = 2^-30?

x + h has to be a double. Between 1 and 2 these lie 2^-52 apart, and 1e-9 is 4503599.63 of these
spacings: 4503600 are taken, so the step is too long by 8.27e-8 of itself at every x, and the
quotient too large by as much. 2^-30 is 4194304 spacings exactly. Here that prediction, made from h
alone, meets the mean error of the forward difference of e^x at random x.
"""

import numpy as np

import diffkit as dk
from diffkit.measure import decimal_steps as steps
from diffkit.report import bias_charts
from diffkit.report.reading import cite
from diffkit.runner import Claim, Experiment, grid

DECIMAL, BINARY = 10.0 ** -np.arange(3.0, 15.0), 2.0 ** -np.arange(9.0, 48.0, 3.0)
H, BINADES, SAMPLES = 1e-9, 2.0 ** np.arange(-6.0, 9.0), 4000


def cells():
    yield from grid(along="h", kind="decimal", low=1.0, h=DECIMAL)
    yield from grid(along="h", kind="binary", low=1.0, h=BINARY)
    yield from grid(along="x", kind="decimal", low=BINADES, h=H)
    yield from grid(along="x", kind="binary", low=BINADES, h=2.0**-30)


def measure(along, kind, low, h, rng):
    x = rng.uniform(low, 2 * low - 2 * h, SAMPLES)  # x + h is in the same binade
    asked, taken = (errors(x, h, representable) for representable in (False, True))
    mean, cured = steps.Mean.of(asked), steps.Mean.of(taken)
    return {
        "bias": steps.bias(h, low),
        "mean": mean.mean,
        "chance": mean.chance,
        "rms": np.sqrt(np.mean(asked**2)),
        "mean_taken": cured.mean,
        "chance_taken": cured.chance,
    }


def errors(x, h, representable):
    """Relative errors of the forward difference, less its truncation (e^h − 1) / h − 1."""
    backend = dk.FiniteDifference(order=1, step=h, representable=representable)
    return dk.derivative(np.exp, x, backend=backend) / np.exp(x) - np.expm1(h) / h


def as_predicted(kind, along):
    return lambda r: steps.as_predicted(r.ok.where(kind=kind, along=along))


def everywhere_the_same(results):
    part = results.ok.where(along="x", kind="decimal").rows
    return steps.as_predicted([{**r, "bias": BIAS} for r in part if 1 <= r["low"] < 32])


BIAS = 4503600 * 2.0**-52 / H - 1

EXPERIMENT = Experiment(
    name="bias_of_decimal_steps",
    chapter="difference quotients",
    order=30,
    title="The bias of decimal steps",
    question=__doc__,
    cells=cells,
    measure=measure,
    methods=("finite_difference",),
    figures=bias_charts.figures,
    claims=(
        Claim(
            "The forward difference with h = 10^-k is biased, k = 3 to 14: each mean error is the "
            "bias foretold, h′ / h − 1, where h′ is the multiple of 2^-52 nearest to h.",
            as_predicted("decimal", "h"),
        ),
        Claim(
            "That bias is no chance: at least three quarters of these means are 5 standard errors "
            "or more from zero.",
            lambda r: steps.stands_out(r.ok.where(kind="decimal", along="h"), 5, 0.75),
        ),
        Claim("With h = 2^-k there is none, k = 9 to 45.", as_predicted("binary", "h")),
        Claim(
            "For h = 1e-9 the bias is +8.27e-8 in each binade from 1 to 32.", everywhere_the_same
        ),
        Claim(
            "Elsewhere it is another, as the spacing of doubles foretells: in each binade from "
            "1/64 to 512 the mean error is the bias of that binade.",
            as_predicted("decimal", "x"),
        ),
        Claim("2^-30 has no bias in any of these binades.", as_predicted("binary", "x")),
        Claim(
            "Dividing by the step taken, (x + h) − x, removes the bias of every step in every "
            "binade.",
            lambda r: steps.as_predicted(r.ok, None, suffix="_taken"),
        ),
    ),
    reproduce="""from fractions import Fraction\n
spacings = Fraction(1e-9) / Fraction(2) ** -52  # between 1 and 2
print(float(spacings), float(round(spacings) / spacings - 1))  # 4503599.627370496 8.274037e-08""",
    reading=(cite("higham2002", "sections 1.14 and 2.1"), cite("nocedal2006", "section 8.1")),
)
