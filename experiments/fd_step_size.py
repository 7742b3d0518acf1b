"""Which step is best, and how small does the error get, on functions of other scales than e^x?

Stencils of order 1 to 8, and the complex step, on six functions that change over lengths from 1e-8
to 1e8, one of which cancels. Beside each error stands what theory foretells; it needs f, f^(p+1)
and the rounding of f, and is given nothing that was measured.
"""

import numpy as np

import diffkit as dk
from diffkit.measure.local import local
from diffkit.report import step_panels
from diffkit.report.reading import cite
from diffkit.runner import Experiment, grid

# x, the length over which f changes, and the largest number rounded on the way to f, if not f.
FUNCTIONS = {
    "exp": (1.0, 1.0, None),
    "sin": (1e3, 1.0, None),
    "log": (1e-8, 1e-8, None),
    "sqrt": (1e8, 1e8, None),
    "runge": (0.3, 0.3, None),
    "noisy_sine": (10.0, 1.0, 1e8),
}
SCALES = {name: scale for name, (_, scale, _) in FUNCTIONS.items()}
STENCILS = (("forward", 1), ("central", 2), ("central", 4), ("central", 6), ("central", 8))
STEPS = 10.0 ** (np.arange(-12 * 20, 1) / 20)
COMPLEX = 10.0 ** np.concatenate([np.arange(-290, -20, 10), np.arange(-160, -31) / 8])


def cells():
    for name, (x, scale, _) in FUNCTIONS.items():
        h = scale * STEPS[scale * STEPS < x / 4]  # the widest stencil reaches to x − 4 h
        for kind, order in STENCILS:
            yield from grid(function=name, kind=kind, order=order, h=h)
        yield from grid(function=name, kind="complex", order=2, h=min(scale, 1.0) * COMPLEX)


def measure(function, kind, order, h):
    f, (x, _, size) = dk.problems[function], FUNCTIONS[function]
    backend = dk.FiniteDifference(order=order, kind=kind, step=h) if kind != "complex" else (
        dk.ComplexStep(step=h / min(x, 1.0), check=None)  # in units of x, where x is below 1
    )  # fmt: skip
    return local(f, x, size).error(dk.derivative(f, x, backend=backend))


def panels(results):
    known = {name: local(dk.problems[name], x, n) for name, (x, _, n) in FUNCTIONS.items()}
    return step_panels.panels(results, known, STENCILS)


def figures(results):
    return step_panels.figures(panels(results), complex_errors(results, "difference"), OF, SEEN)


def complex_errors(results, column="ulps"):
    return step_panels.complex_errors(results, SCALES, column)


OF = {
    "exp": "e^x at x = 1",
    "sin": "sin x at x = 1000",
    "log": "log x at x = 1e-8",
    "sqrt": "√x at x = 1e8",
    "runge": "1 / (1 + 25 x^2) at x = 0.3",
    "noisy_sine": "(sin x + 1e8) − 1e8 at x = 10",
}
SEEN = {
    "sin": "A large argument by itself does no harm: sin changes over a length of 1 here as well.",
    "log": "The same picture, with all steps 1e8 times shorter: a step of 1e-6, the usual one for "
    "order 2, would leave the domain.",
    "sqrt": "And with all steps 1e8 times longer. The errors are small because f′ = 5e-5 is.",
    "runge": "The poles at ±0.2 i are near, f^(p+1) is large, and the best steps are shorter.",
    "noisy_sine": "Adding 1e8 and taking it away leaves noise in f, ε = 2^-53 1e8, and the best "
    "steps are longer: order 8 still gives 8 digits. Below h = 1e-8 all values of f are equal and "
    "the error is all of f′. The complex step never sees that noise: the 1e8 is real.",
}

EXPERIMENT = Experiment(
    name="fd_step_size",
    chapter="difference quotients",
    order=20,
    title="The best step, from order 1 to 8",
    question=__doc__,
    cells=cells,
    measure=measure,
    methods=("finite_difference", "complex_step"),
    figures=figures,
    claims=step_panels.claims(panels, complex_errors, SCALES),
    reproduce="""import numpy as np\nimport diffkit as dk\n
for backend in (dk.FiniteDifference(order=8, step=1e-10), dk.ComplexStep()):
    print(dk.derivative(np.log, 1e-8, backend=backend) - 1e8)""",
    reading=(cite("higham2002", "section 1.14"), cite("nocedal2006", "section 8.1")),
)
