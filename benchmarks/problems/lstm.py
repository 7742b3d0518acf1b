"""The recurrent network of ADBench: loss of predictions along a sequence."""

from __future__ import annotations

from typing import Any

import numpy

from .problem import Case, Problem

LAYERS, WIDTH = 2, 14


def _cell(np: Any, weight: Any, bias: Any, hidden: Any, cell: Any, given: Any) -> Any:
    """One diagonal LSTM cell: gates for forgetting, input, output and change."""
    b = WIDTH
    gates = np.concatenate((given, hidden, given, hidden)) * weight + bias
    opened = 1.0 / (1.0 + np.exp(-gates[: 3 * b]))
    cell = cell * opened[:b] + opened[b : 2 * b] * np.tanh(gates[3 * b :])
    return opened[2 * b :] * np.tanh(cell), cell


def _predict(np: Any, main: Any, extra: Any, state: Any, given: Any) -> Any:
    """The prediction of the next character, and the new states; ``main`` has 2 rows a layer."""
    x, new = given * extra[0], []
    for layer in range(LAYERS):
        hidden, cell = _cell(np, main[2 * layer], main[2 * layer + 1], *state[layer], x)
        new.append((hidden, cell))
        x = hidden
    return x * extra[1] + extra[2], new


def _gain(np: Any, predicted: Any, wanted: Any) -> Any:
    """The log-likelihood of a character, with ADBench's normaliser log(2 + sum of exp)."""
    return np.sum(wanted * (predicted - np.log(2.0 + np.sum(np.exp(predicted)))))


def lstm(state: Any, sequence: Any) -> Any:
    """The mean loss along a sequence (c, b) from a state (2 layers, b)."""
    steps = len(sequence) - 1

    def make(np: Any) -> Any:
        given = [np.asarray(row) for row in sequence]
        start = [(np.asarray(state[2 * k]), np.asarray(state[2 * k + 1])) for k in range(LAYERS)]

        def f(p: Any) -> Any:
            main, extra = p
            total, now = 0.0, start
            for t in range(steps):
                predicted, now = _predict(np, main, extra, now, given[t])
                total = total + _gain(np, predicted, given[t + 1])
            return -total / (steps * WIDTH)

        return f

    return make


def _lstm_scan(state: Any, sequence: Any) -> Any:
    steps = len(sequence) - 1

    def make(jax: Any) -> Any:
        np = jax.numpy
        given, start = np.asarray(sequence), np.asarray(state)

        def f(p: Any) -> Any:
            main, extra = p

            def step(carry: Any, pair: Any) -> Any:
                total, now = carry
                predicted, now = _predict(np, main, extra, now, pair[0])
                return (total + _gain(np, predicted, pair[1]), now), None

            first = (0.0, [(start[2 * k], start[2 * k + 1]) for k in range(LAYERS)])
            (total, _), _ = jax.lax.scan(step, first, (given[:-1], given[1:]))
            return -total / (steps * WIDTH)

        return f

    return make


class _InCasADi:
    """CasADi's names for what a cell uses."""

    def __init__(self, ca: Any) -> None:
        self.exp, self.log, self.tanh, self.sum = ca.exp, ca.log, ca.tanh, ca.sum1
        self.concatenate = lambda parts: ca.vertcat(*parts)


def _lstm_accumulated(state: Any, sequence: Any) -> Any:
    """CasADi's way: the step of scalars, mapped along the sequence with its state accumulated."""
    steps = len(sequence) - 1
    rows, states = 2 * LAYERS, 2 * LAYERS * WIDTH

    def make(ca: Any) -> Any:
        main, extra = ca.SX.sym("main", rows, 4 * WIDTH), ca.SX.sym("extra", 3, WIDTH)
        now, given, wanted = (
            ca.SX.sym("now", states + 1),
            ca.SX.sym("x", WIDTH),
            ca.SX.sym("y", WIDTH),
        )
        parts = ca.vertsplit(now[:-1], WIDTH)
        names = _InCasADi(ca)
        predicted, new = _predict(
            names,
            [main[k, :].T for k in range(rows)],
            [extra[k, :].T for k in range(3)],
            [(parts[2 * k], parts[2 * k + 1]) for k in range(LAYERS)],
            given,
        )
        after = ca.vertcat(*(v for pair in new for v in pair),
                           now[-1] + _gain(names, predicted, wanted))  # fmt: skip
        step = ca.Function("step", [now, given, wanted, main, extra], [after])
        run = step.mapaccum(steps)
        start = numpy.append(state.ravel(), 0.0)

        def f(p: Any) -> Any:
            repeated = [ca.repmat(v, 1, steps) for v in p]
            return -run(start, sequence[:-1].T, sequence[1:].T, *repeated)[-1, -1] / (steps * WIDTH)

        return f

    return make


def _case(n: int) -> Case:
    rng = numpy.random.default_rng(n)
    state = rng.normal(size=(2 * LAYERS, WIDTH)) / 4
    sequence = rng.integers(0, 2, size=(n, WIDTH)).astype(float)

    def parameters() -> Any:
        return rng.normal(size=(2 * LAYERS, 4 * WIDTH)) / 4, rng.normal(size=(3, WIDTH)) / 4

    forms = {
        "jax": {"lax.scan": _lstm_scan(state, sequence)},
        "casadi": {"Function.mapaccum": _lstm_accumulated(state, sequence)},
    }
    return Case(
        lstm(state, sequence),
        parameters(),
        parameters(),
        forms,
        {"state": state, "sequence": sequence},
    )


PROBLEMS = (
    Problem(
        "lstm",
        "loss of a recurrent network with two layers (ADBench)",
        "ADBench, github.com/microsoft/ADBench, which has it beside the objectives of the article: "
        "diagonal cells of width 14, as in its data sets",
        "characters",
        (16, 128, 1024),
        _case,
        loops=True,
    ),
)
