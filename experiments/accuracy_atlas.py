"""How wrong is each method, at ordinary points and at hard ones, and does it say so?

Every backend is asked for the derivative of every function, and its error is measured in units in
the last place of a truth that is proved: an enclosure narrower than that unit. A method may warn,
refuse, or not support a function: those are answers. What counts against it is a wrong number
without a word.
"""

import diffkit as dk
from diffkit.measure.hard_points import points
from diffkit.measure.silence import outcome
from diffkit.report import atlas
from diffkit.report.reading import cite
from diffkit.runner import Experiment


def cells():
    for label, point in points().items():
        for backend in dk.backends():
            yield {"point": label, "group": point.group, "why": point.why, "backend": backend}


def measure(point, group, why, backend):
    chosen = points()[point]
    apply, truth = getattr(dk, chosen.operator), chosen.truth
    row = outcome(lambda: apply(chosen.function, chosen.x, backend=backend), truth.of)
    return {**row, "proof": truth.proof}


EXPERIMENT = Experiment(
    name="accuracy_atlas",
    chapter="pitfalls",
    order=20,
    title="An atlas of accuracy",
    question=__doc__,
    cells=cells,
    measure=measure,
    figures=atlas.figures,
    claims=atlas.claims(),
    reproduce="""import diffkit as dk\n
f, x = dk.problems["one_minus_cosine_over_square"], 1e-4
print(dk.derivative(f, x, backend="reverse"))  # 4.41e-05
print(dk.derivative(f, x, backend="finite_difference"))  # -8.33e-06, which is −x/12""",
    reading=(cite("higham2002", "section 1.7"), cite("griewank2008", "chapter 14")),
)
