"""How wrong is (f(x + h) − f(x)) / h for f = e^x, where is it wrong, and which step is best?

An introduction to automatic differentiation plots the error for h = 1e-9 and reads from it that it
is zero until x = 14. Here it is measured against e^x to 50 digits; then five stencils, by the step.
"""

import mpmath
import numpy as np

import diffkit as dk
from diffkit.measure import error, steps, verdict
from diffkit.report import error_axes, step_curves
from diffkit.report.figures import plot
from diffkit.report.reading import cite
from diffkit.runner import Claim, Experiment, Figure, grid

H, STEPS = 1e-9, 10.0 ** (np.arange(-128, 1) / 8)
BIAS = ((1 + H) - 1) / H - 1  # beside 1, H is 4503599.63 spacings of doubles: 4503600 are taken
STENCILS = (("forward", 1), ("forward", 2), ("forward", 4), ("central", 2), ("central", 4))
BOTH = {"representable": (False, True)}


def cells():
    yield from grid(along="x", kind="forward", order=1, x=np.linspace(0, 20, 401), h=H, **BOTH)
    for kind, order in STENCILS:
        yield from grid(along="h", kind=kind, order=order, x=1.0, h=STEPS, representable=True)
        yield from grid(along="h", kind=kind, order=order, x=1.0, h=1e-16, representable=False)


def measure(along, kind, order, x, h, representable):
    backend = dk.FiniteDifference(order=order, kind=kind, step=h, representable=representable)
    with mpmath.workdps(50):
        truth = mpmath.exp(x)
    return error(dk.derivative(np.exp, x, backend=backend), truth).to_dict()


def along_x(results, column, representable=False, **limits):
    part = results.ok.where(along="x", representable=representable)
    return part.pair("x", column, **limits)


def along_h(results):
    part = results.ok.where(along="h", representable=True)
    return steps.curves(part, value=np.e, slope=np.e)


def figures(results):
    signed, relative = along_x(results, "difference"), along_x(results, "relative")
    taken = {"textbook step": relative, "representable step": along_x(results, "relative", True)}
    bias = plot(taken, "x", "relative error", mode="markers", hlines={"8.27e-8": BIAS})
    textbook = results.ok.where(along="h", representable=False).pair("h", "difference")
    others = {"textbook, 1 + h = 1": textbook}
    curves, of = along_h(results), "e<sup>x</sup> at x = 1"
    return [
        *error_axes.figures(signed, relative, "e<sup>x</sup>", AXES, vlines={"x = 14 ": 14}),
        step_curves.figure(curves, of, title=TITLE, caption=STEP, others=others),
        Figure("bias", "The step that was asked for, and the one that was taken", BIASED, bias),
    ]


AXES = (
    "The forward difference of e^x with h = 1e-9, minus e^x. The error looks like zero until "
    "x = 14, because the axis has to reach the errors at x = 20, which are 400 times larger.",
    "The same errors. The absolute one grows as e^x from the start: a straight line. Relative to "
    "e^x it is the same at every x, about 1e-7, and nothing happens at x = 14.",
)
TITLE = "Five stencils: the error against the step"
STEP = (
    "A higher order has its star further right, and deeper. At h = 1e-16, 1 + h is 1: diffkit "
    "refuses that step, and the first-order textbook quotient is 0, wrong by all of e."
)
BIASED = (
    "x + 1e-9 has to be a double: from x = 1 on the step taken is longer by 8.27e-8 of itself, and "
    "the textbook quotient too large by as much (dashed). Dividing by the step taken, (x + h) − x, "
    "takes that away; round-off stays. At x = 0 both err by 8.27e-8, as e^h itself is rounded."
)

EXPERIMENT = Experiment(
    name="fd_error_exp",
    chapter="difference quotients",
    order=10,
    title="The finite difference of e^x",
    question=__doc__,
    cells=cells,
    measure=measure,
    methods=("finite_difference",),
    figures=figures,
    claims=(
        Claim(
            "The error is zero until x = 14, after which things get shaky (as read from the plot).",
            lambda r: verdict.zero(along_x(r, "ulps", until=14)[1]),
        ),
        Claim(
            "The error is not zero before x = 14, the linear axis hides it: relative to e^x it is "
            "the same, within a factor of 2, in every band of x.",
            lambda r: verdict.flat(*along_x(r, "relative"), edges=range(0, 21, 2), factor=2),
        ),
        Claim(
            "The absolute error grows as e^x, from x = 0 on.",
            lambda r: verdict.has_slope(
                *along_x(r, "difference"), 1, 0.05, log="y", names="x error"
            ),
        ),
        Claim(
            "The textbook quotient is biased: from x = 1 on it is too large by 8.27e-8 of the "
            "derivative on average, because x + 1e-9 is rounded to a longer step.",
            lambda r: verdict.has_mean(along_x(r, "relative", start=1)[1], BIAS),
        ),
        Claim(
            "Dividing by the representable step (x + h) − x removes that bias.",
            lambda r: verdict.has_mean(along_x(r, "relative", True, start=1)[1], 0),
        ),
        *step_curves.claims(along_h, until=0.1),
    ),
    reproduce="""import numpy as np\nimport diffkit as dk\n
backend = dk.FiniteDifference(order=1, step=1e-9, representable=False)
print(dk.derivative(np.exp, 0.0, backend=backend) - 1)  # 8.274037099909037e-08""",
    reading=(cite("higham2002", "section 1.14"), cite("nocedal2006", "section 8.1")),
)
