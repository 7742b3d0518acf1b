"""Are the equations of backpropagation reverse mode?

Nielsen's four equations give the error δ of the last layer (BP1), that of each layer from the next
(BP2), and from it the derivative by each bias (BP3) and weight (BP4). Here they are written down
for a fully connected network of sigmoids and compared with what the tape's sweep gives. The chain
rule through the four layers of a network without biases, as lecture notes have it, is another case.

One line of those notes composes W_3 φ_2(W_3 φ_1(W_1 x)), with W_3 where W_2 is due; and they call
the network, with three hidden layers, one with one.
"""

import numpy as np

import diffkit as dk
from diffkit.measure import verdict
from diffkit.report.figures import plot
from diffkit.report.reading import cite
from diffkit.runner import Claim, Experiment, Figure, grid

NETWORKS = {"sigmoid network": (2, 5, 4, 3), "four layers": (2, 3, 3, 2, 2), "deep": (4,) * 13}


def cells():
    return grid(network=tuple(NETWORKS), sample=range(5))


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def forward(weights, biases, x, last):
    """The activations of all layers, and the weighted inputs of them."""
    a, z = [x], []
    for k, (w, b) in enumerate(zip(weights, biases, strict=True)):
        z.append(w @ a[-1] + b)
        a.append(sigmoid(z[-1]) if last or k < len(weights) - 1 else z[-1])
    return a, z


def loss(parameters, x, y, last):
    a, _ = forward(*parameters, x, last)
    return 0.5 * np.sum((a[-1] - y) ** 2)


def backpropagate(weights, biases, x, y, last):
    """(BP1) to (BP4), Nielsen 2015, chapter 2; the last layer is linear unless ``last``."""
    a, z = forward(weights, biases, x, last)
    slopes = [sigmoid(v) * (1 - sigmoid(v)) for v in z]
    delta = (a[-1] - y) * (slopes[-1] if last else 1.0)  # (BP1)
    by_bias, by_weight = [delta], [np.outer(delta, a[-2])]
    for k in reversed(range(len(weights) - 1)):
        delta = (weights[k + 1].T @ delta) * slopes[k]  # (BP2)
        by_bias.insert(0, delta)  # (BP3)
        by_weight.insert(0, np.outer(delta, a[k]))  # (BP4)
    return by_weight, by_bias


def measure(network, sample, rng):
    sizes, last = NETWORKS[network], network != "four layers"
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    weights = [rng.normal(size=s) for s in shapes]
    biases = [rng.normal(size=m) * (network != "four layers") for m, _ in shapes]
    x, y = rng.normal(size=sizes[0]), rng.normal(size=sizes[-1])
    by_tape = dk.gradient(loss, (weights, biases), x, y, last)
    by_hand = backpropagate(weights, biases, x, y, last)
    rows = []
    for k in range(len(weights)):
        row = {"layer": k + 1}
        for name, part in (("weights", 0), ("biases", 1)):
            hand, tape = by_hand[part][k], by_tape[part][k]
            row[f"{name}_norm"] = float(np.linalg.norm(tape))
            row[f"{name}_apart"] = float(np.linalg.norm(hand - tape) / np.linalg.norm(tape))
        rows.append(row)
    rows[0]["misprint"] = misprint(weights, x)
    return rows


def misprint(weights, x):
    """What becomes of the composition when the third matrix stands in for the second."""
    try:
        weights[2] @ sigmoid(weights[2] @ sigmoid(weights[0] @ x))
    except ValueError:
        return "undefined: the shapes do not fit"
    return "defined"


def figures(results):
    apart = {n: results.ok.where(network=n).pair("layer", "weights_apart") for n in NETWORKS}
    deep = results.ok.where(network="deep")
    sizes = {f"network {s + 1}": deep.where(sample=s).pair("layer", "weights_norm") for s in
             range(5)}  # fmt: skip
    return [
        Figure("apart", "By hand and by the tape", APART,
               plot(apart, "layer", "relative distance", log="y", mode="markers"), half=True),
        Figure("vanishing", "The same equations, in a deep network", VANISH,
               plot(sizes, "layer", "norm of the derivative by its weights", log="y"), half=True),
    ]  # fmt: skip


APART = (
    "The derivatives by the weights of each layer: by the four equations minus by the tape, over "
    "the norm. All are roundings."
)
VANISH = (
    "Twelve layers of four sigmoids with random weights. (BP2) multiplies by a slope of at most ¼ "
    "at each layer, so the first layers learn slowest: the vanishing gradient."
)


def same(*networks):
    def check(results):
        rows = [r for n in networks for r in results.ok.where(network=n)]
        names = ["weights_apart"] + ["biases_apart"] * ("four layers" not in networks)
        worst = max(r[name] for r in rows for name in names)
        return worst <= 1e-13, f"At most {worst:.1e} apart, in {len(rows)} layers."

    return check


def defined(results):
    found = [r["misprint"] for r in results.ok.where(network="four layers", layer=1)]
    return found.count("defined") == len(found), f"{', '.join(sorted(set(found)))}."


def vanishes(results):
    deep = results.ok.where(network="deep")
    first, last = (deep.where(layer=k).column("weights_norm") for k in (1, 12))
    return verdict.ratio_at_most(first, last, 1e-3)


EXPERIMENT = Experiment(
    name="backpropagation",
    chapter="reverse",
    order=40,
    title="Backpropagation and its four equations",
    question=__doc__,
    cells=cells,
    measure=measure,
    figures=figures,
    claims=(
        Claim(
            "The equations (BP1) to (BP4) are reverse mode: for a network of sigmoids they give "
            "the tape's derivatives by every weight and bias, up to rounding.",
            same("sigmoid network", "deep"),
        ),
        Claim(
            "The chain rule through four layers, ½ ‖W_4 φ(W_3 φ(W_2 φ(W_1 x))) − y‖^2, gives the "
            "tape's derivatives by W_1 to W_4.",
            same("four layers"),
        ),
        Claim(
            "With W_3 in the place of W_2, as one line of the notes prints it, the formula is "
            "defined for layers of 2, 3, 3, 2 and 2 units.",
            defined,
        ),
        Claim(
            "In a deep network the derivative vanishes towards the first layer: after twelve "
            "layers it is at most a thousandth of the last one's.",
            vanishes,
        ),
    ),
    reproduce="""import diffkit as dk\n
f = dk.problems["fully_connected_network"]
print(dk.value_and_gradient(f, f.points[0]))  # the loss, and its derivative by 17 parameters""",
    reading=(cite("nielsen2015"), cite("baydin2018", "section 3.2")),
)
