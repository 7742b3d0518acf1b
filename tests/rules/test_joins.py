"""The rules of diffkit/rules/joins.py."""

from __future__ import annotations

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import MissingRuleError
from diffkit.rules.joins import join, pile

from .rule_checker import Case, check_rule

RNG = np.random.default_rng(5)
V = RNG.uniform(0.5, 2.0, 4)
M = RNG.uniform(0.5, 2.0, (2, 3))
T = RNG.uniform(0.5, 2.0, (2, 4, 4))
S = 1.4
APART = np.array([[0.5, 1.7, 0.9], [1.1, 0.7, 2.3]])  # no two elements nearly equal


def together(fn, *arrays, active=None, **kwargs):
    """A case for a function that takes its arrays in one sequence."""
    return Case(
        lambda *args: fn(args, **kwargs),
        arrays,
        tuple(range(len(arrays))) if active is None else active,
        key=fn,
    )


def blocks(a, b, c, d):
    return np.block([[a, b], [c, d]])


WIDTHS = [1, (2, 1), ((1, 0), (2, 3)), ((0, 2), (0, 0))]

CASES = [
    Case(np.linspace, (0.3, 1.7, 5), (0, 1)),
    Case(np.linspace, (np.array([0.3, 1.1]), 1.7, 4), (0, 1), kwargs={"endpoint": False}),
    Case(np.linspace, (np.array([0.3, 1.1]), 1.7, 4), (0, 1), kwargs={"axis": -1}),
    *(together(np.concatenate, M, M[:1] ** 2, M, axis=a) for a in (0, -2, None)),
    together(np.concatenate, M, M[:, :2], axis=1, active=(1,)),
    together(np.concatenate, M, 1j * M),
    together(np.concatenate, V, V[:0], np.arange(3.0), active=(0, 1)),
    Case(np.concatenate, (T,)),
    Case(lambda a, b: join(a, b, axis=0), (M, M), (0, 1), key=join.fn),
    *(together(np.stack, M, M**2, M, axis=a) for a in (0, 1, -1)),
    together(np.stack, S, 2.0, S, active=(0, 2)),
    Case(np.stack, (M,)),
    Case(lambda a, b: pile(a, b, axis=1), (M, M), (0, 1), key=pile.fn),
    *(together(fn, M, M**2) for fn in (np.vstack, np.hstack, np.dstack, np.column_stack)),
    *(together(fn, V, V**2) for fn in (np.vstack, np.hstack, np.dstack, np.column_stack)),
    *(together(fn, S, S**2, S) for fn in (np.vstack, np.hstack, np.dstack, np.column_stack)),
    together(np.vstack, M, V[:3]),
    together(np.hstack, V, S),
    together(np.column_stack, V[:2], M),
    together(np.hstack, T, T[:, :1]),
    Case(blocks, (M, M[:, :1], M[:1], np.array([[S]])), (0, 1, 2, 3), key=np.block),
    Case(lambda a, b: np.block([a, b, a]), (V, S), (0, 1), key=np.block),
    Case(lambda a, b: np.block([[[a, b]], [[b, a]]]), (S, 2 * S), (0, 1), key=np.block),
    Case(lambda a, b: np.block([[a], [b]]), (V[:3], M), (0, 1), key=np.block),
    *(Case(np.append, (M, M**2, axis), (0, 1)) for axis in (None, 0, 1)),
    Case(np.append, (M, S), (0, 1)),
    *(Case(np.insert, (M, obj, values, axis), (0, 2)) for obj, values, axis in [
        (1, S, None), (1, S, 1), (-1, V[:3], 0), (1, V[:2], 1), ([0, 2], V[:2], 1),
        ([0, 2], S, None), ([1, 1], M[:, :2], 1), (slice(0, 2), M, 0), ([1], M, 0),
        (np.array([3, 0, 1]), V[:3], None), (0, V, None), ([2], V, None),
    ]),
    *(Case(fn, (V, where)) for fn in (np.split, np.array_split) for where in (2, [1, 3], 4, [])),
    *(Case(np.array_split, (T, n, axis)) for n in (3, 5, [-1], (1, 9)) for axis in (1, -1)),
    *(Case(np.split, (T, n, axis)) for n, axis in [(2, 1), ([1], 0), ([1, 2, 2], -1)]),
    Case(np.hsplit, (V, 2)),
    Case(np.hsplit, (T, [1, 3])),
    Case(np.vsplit, (T, 2)),
    Case(np.dsplit, (T, 2)),
    *(Case(np.pad, (M, w)) for w in WIDTHS),
    *(Case(np.pad, (x, 2)) for x in (V, M + 1j, T)),
    Case(np.pad, (M, 1), kwargs={"constant_values": ((1.0, 2.0), (3.0, 4.0))}),
    *(Case(np.pad, (M, w, mode)) for w in WIDTHS for mode in ("edge", "symmetric", "wrap", "mean")),
    *(Case(np.pad, (M, w, "reflect")) for w in (1, ((1, 1), (2, 2)))),
    *(Case(np.pad, (APART, w, mode))
      for w in (1, ((1, 1), (2, 2))) for mode in ("maximum", "minimum", "median")),
    *(Case(np.pad, (M, w, "linear_ramp"), kwargs={"end_values": 3.0}) for w in WIDTHS),
    Case(np.pad, (V, (5, 9), "reflect")),
    Case(np.pad, (V, {-1: (1, 2)}, "wrap")) if np.__version__ >= "2.3" else Case(np.pad, (V, 1)),
    *(Case(np.unstack, (T,), kwargs={"axis": a}) for a in (0, -1)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    check_rule(case)


def test_the_sweep_over_a_long_join_visits_each_part_once() -> None:
    def f(x):
        return np.sum(np.concatenate([x[k : k + 1] for k in range(500)]) * np.arange(500.0))

    np.testing.assert_array_equal(dk.gradient(f, np.ones(500)), np.arange(500.0))


def test_an_unequal_split_is_refused_as_numpy_does() -> None:
    with pytest.raises(ValueError, match="equal division"):
        dk.gradient(lambda x: np.sum(np.split(x, 3)[0]), V)


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("empty", {}),
        ("reflect", {"reflect_type": "odd"}),
        ("mean", {"stat_length": 1}),
        ("nonsense", {}),
        ("edge", {"constant_values": 1}),
    ],
)
def test_padding_without_a_rule_is_refused(mode, options) -> None:
    with pytest.raises(MissingRuleError, match=r"numpy\.pad with mode"):
        dk.gradient(lambda x: np.sum(np.pad(x, 1, mode, **options)), V)
