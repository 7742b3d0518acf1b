"""Functions that return vectors and matrices, or take matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from .catalogue import POSITIVE, REALS, problem


@problem(
    variables="angle1 angle2 angle3",
    points=([0.3, 0.5, -0.2], [0.0, 0.0, 0.0], [1.5, -2.0, 0.7]),
    source="the forward kinematics of a planar arm with three links, Siciliano et al. 2009, "
    "'Robotics: Modelling, Planning and Control', section 2.9.1",
)
def robot_arm(angles: Any) -> Any:
    """The place (x, y) and the direction of the hand, for links of length 1, 0.8 and 0.5."""
    direction = np.cumsum(angles)
    lengths = np.array([1.0, 0.8, 0.5])
    x = np.sum(lengths * np.cos(direction))
    y = np.sum(lengths * np.sin(direction))
    return np.stack([x, y, direction[2]])


# For each joint, in metres and quarter turns: the offset along its axis, the length of the link
# after it, and the twist to the next axis.
_PUMA_560 = (
    (0, 0, 1),
    (0, 0.4318, 0),
    (0.15005, 0.0203, -1),
    (0.4318, 0, 1),
    (0, 0, -1),
    (0, 0, 0),
)
_TOOL = (0.1, 0.0, 0.2)


@problem(
    variables="angle1 angle2 angle3 angle4 angle5 angle6",
    points=([0.3, 0.5, -0.2, 0.4, 0.8, -0.6], [0.1, -1.0, 1.5, -2.0, 0.7, 0.2]),
    source="the forward kinematics of the Puma 560 by its Denavit–Hartenberg parameters, Corke & "
    "Armstrong-Hélouvry 1994, 'A search for consensus among model parameters reported for the "
    "PUMA 560 robot'",
)
def puma_arm(angles: Any) -> Any:
    """The place (x, y, z) of a tool that the last link holds at (0.1, 0, 0.2)."""
    x, y, z = _TOOL
    for k in reversed(range(6)):
        offset, length, twist = _PUMA_560[k]
        x = x + length
        if twist:
            y, z = (-z, y) if twist > 0 else (z, -y)
        c, s = np.cos(angles[k]), np.sin(angles[k])
        x, y, z = c * x - s * y, s * x + c * y, z + offset
    return np.stack([x, y, z])


@problem(
    variables="r angle",
    domain=(POSITIVE, REALS),
    points=([2.0, 0.5], [1.0, 0.0]),
    source="DLMF 1.5(ii): the Jacobian of plane polar coordinates has determinant r",
)
def polar_to_cartesian(v: Any) -> Any:
    """(r cos angle, r sin angle)."""
    r, angle = v
    return np.stack([r * np.cos(angle), r * np.sin(angle)])


@problem(
    variables="x1 x2 x3",
    points=([1.0, 2.0, 3.0], [0.0, 0.0, 0.0], [-30.0, 0.0, 30.0]),
    source="Bridle 1990, 'Probabilistic interpretation of feedforward classification network "
    "outputs'; its Jacobian is diag(s) − s sᵀ",
)
def softmax(x: Any) -> Any:
    """exp x_k / Σ exp x_j."""
    weights = np.exp(x)
    return weights / np.sum(weights)


@problem(
    points=([1.0, 2.0, 3.0], [0.0, 0.0], [-30.0, 0.0, 30.0]),
    source="Boyd & Vandenberghe 2004, 'Convex Optimization', section 3.1.5; its gradient is the "
    "softmax",
)
def log_sum_exp(x: Any) -> Any:
    """log Σ exp x_k."""
    return np.log(np.sum(np.exp(x)))


@problem(
    points=([3.0, 4.0], [1.0, -2.0, 2.0], [1e-8, 1e-8]),
    source="the Euclidean norm; its gradient is x / ‖x‖, and there is none at 0",
)
def norm(x: Any) -> Any:
    """‖x‖ = √Σ x_k²."""
    return np.sqrt(np.sum(x**2))


_BETA = np.array([1.0, -2.0, 0.5])


@problem(
    points=([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],),
    source="A ↦ A β, whose VJP is ȳ ⊗ β: Maclaurin, Duvenaud & Adams 2015, 'Autograd'; "
    "Yuchen's Blog 2018-06-03, 'Automatic differentiation'",
)
def matrix_times_vector(a: Any) -> Any:
    """A β, a function of the matrix A, for β = (1, −2, ½)."""
    return a @ _BETA


@problem(
    points=([[1.0, 2.0], [3.0, 4.0]], [[0.5, -1.0, 0.0], [2.0, 1.0, -0.5], [1.0, 0.0, 3.0]]),
    source="Magnus & Neudecker 1988, 'Matrix Differential Calculus': d(A²) = dA A + A dA",
)
def matrix_square(a: Any) -> Any:
    """A², of a square matrix A."""
    return a @ a


@problem(
    points=([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.5, -1.0], [2.0, 0.0, 1.5]]),
    source="Magnus & Neudecker 1988, 'Matrix Differential Calculus': the gradient of ‖A Aᵀ − I‖² "
    "is 4 (A Aᵀ − I) A",
)
def orthogonality_defect(a: Any) -> Any:
    """‖A Aᵀ − I‖², the sum of squares of the elements."""
    return np.sum((a @ a.T - np.eye(len(a))) ** 2)
