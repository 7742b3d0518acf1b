"""Random programs on arrays, for properties that hold whatever a function does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

N = 6
SPARSE = np.array([[0.0, 2.0, 0.0, 0.0, -1.0, 0.0], [1.0, 0.0, 0.0, 3.0, 0.0, 0.0]])
MATRIX = np.where(np.arange(36).reshape(6, 6) % 5, 0.0, 1.5)
VECTOR = np.array([0.5, 0.0, -1.0, 2.0, 0.0, 1.0])
MASK = np.array([True, False, True, True, False, True])

# Each takes vectors of N elements, and returns one.
UNARY: list[Callable[[Any], Any]] = [
    np.sin,
    np.square,
    np.absolute,
    lambda a: a * VECTOR,
    lambda a: a[::-1],
    lambda a: np.roll(a, 2),
    lambda a: a[np.array([0, 0, 3, 1, 5, 3])],
    lambda a: np.cumsum(a),
    lambda a: np.concatenate([np.diff(a), a[:1]]),
    lambda a: np.concatenate([SPARSE @ a, np.zeros(2), a[2:4] * 3.0]),
    lambda a: a @ MATRIX,
    lambda a: np.einsum("ij,j->i", MATRIX, a),
    lambda a: np.repeat(np.sum(np.reshape(a, (2, 3)), axis=0), 2),
    lambda a: np.ravel(np.transpose(np.reshape(a, (3, 2)))),
    lambda a: np.repeat(np.max(np.reshape(a, (3, 2)), axis=1), 2),
    lambda a: np.where(MASK, a, 1.0),
    lambda a: np.maximum(a, 0.25),
    lambda a: np.convolve(a, [1.0, 0.0, -1.0], mode="same"),
    lambda a: np.pad(a[1:-1], 1, mode="edge"),
    lambda a: np.tril(np.outer(a, VECTOR))[:, 2],
    lambda a: np.ravel(np.reshape(a, (2, 3)) @ np.array([[0.0, 1.0, 0], [2, 0, 0], [0, 0, 1]])),
    lambda a: np.stack([a[3] * a[0], a[1] + 2.0, a[5], np.sin(a[2]), 1.0, a[4]]),
    lambda a: a * 0.0,
    lambda a: np.broadcast_to(np.mean(a[:2]), (N,)),
    lambda a: np.ravel(np.sort(np.reshape(a, (3, 2)), axis=1)),
    lambda a: a / (1.5 + np.sin(a)),
    lambda a: assigned(a),
]
BINARY: list[Callable[[Any, Any], Any]] = [
    np.add,
    np.multiply,
    lambda a, b: a - 2 * b,
    np.minimum,
    np.hypot,
    lambda a, b: np.where(MASK, a, b),
    lambda a, b: np.concatenate([a[:3], b[3:]]),
    lambda a, b: a * b[0],
    lambda a, b: np.reshape(np.reshape(a, (3, 2)) @ np.reshape(b[:4], (2, 2)), -1),
    lambda a, b: np.convolve(a, b)[2 : 2 + N],
    lambda a, b: np.ravel(np.cross(np.reshape(a, (2, 3)), np.reshape(b, (2, 3)))),
]


def assigned(a: Any) -> Any:
    out = np.zeros_like(a)
    out[1:4] = a[:3] ** 2
    out[0] = a[5]
    return out


@st.composite
def programs(draw: Any) -> Callable[[Any], Any]:
    """A function of N numbers, made of a few operations on vectors of N numbers."""
    steps = []
    for count in range(1, draw(st.integers(1, 7)) + 1):
        a, b = (draw(st.integers(0, count - 1)) for _ in range(2))
        one = draw(st.booleans())
        operations: Any = UNARY if one else BINARY
        steps.append((draw(st.sampled_from(operations)), (a,) if one else (a, b)))

    def program(x: Any) -> Any:
        values = [x]
        for operation, operands in steps:
            values.append(operation(*[values[k] for k in operands]))
        return values[-1]

    return program


# Zeros, ties and the neighbourhood of kinks, where a count of zeros would see too few.
POINTS = st.lists(
    st.sampled_from([0.0, 0.0, 0.25, 0.5, 1.0, 1.0, -1.0, 2.0]), min_size=N, max_size=N
).map(np.array)
