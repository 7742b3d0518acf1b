"""Bundle adjustment, the second objective of ADBench: its gradient, and its Jacobian's blocks."""

from __future__ import annotations

from typing import Any

import numpy

from .problem import Case, Operator, Problem

CAMERA, POINT = 11, 3  # parameters: rotation 3, centre 3, focal length, principal point 2, radial 2


def project(np: Any, camera: Any, point: Any) -> Any:
    """The images (p, 2) of points (p, 3) in cameras (p, 11).

    Rodrigues' rotation by the angle |r| about r, perspective division, radial distortion
    1 + k1 r² + k2 r⁴, focal length and principal point.
    """
    r, centre = camera[:, 0:3], camera[:, 3:6]
    x = point - centre
    angle = np.sqrt(np.sum(r * r, axis=1))[:, None]
    w = r / angle
    cosine, sine = np.cos(angle), np.sin(angle)
    cross = np.stack(
        (
            w[:, 1] * x[:, 2] - w[:, 2] * x[:, 1],
            w[:, 2] * x[:, 0] - w[:, 0] * x[:, 2],
            w[:, 0] * x[:, 1] - w[:, 1] * x[:, 0],
        ),
        axis=1,
    )
    along = np.sum(w * x, axis=1)[:, None] * (1.0 - cosine)
    turned = x * cosine + cross * sine + w * along
    flat = turned[:, 0:2] / turned[:, 2:3]
    square = np.sum(flat * flat, axis=1)[:, None]
    distorted = flat * (1.0 + camera[:, 9:10] * square + camera[:, 10:11] * square * square)
    return distorted * camera[:, 6:7] + camera[:, 7:9]


def project_one(np: Any, camera: Any, point: Any) -> Any:
    """The same for one camera and one point, as lists of numbers; a list of two numbers."""
    r, x = camera[:3], [p - c for p, c in zip(point, camera[3:6], strict=True)]
    angle = np.sqrt(r[0] ** 2 + r[1] ** 2 + r[2] ** 2)
    w = [v / angle for v in r]
    cosine, sine = np.cos(angle), np.sin(angle)
    cross = [
        w[1] * x[2] - w[2] * x[1],
        w[2] * x[0] - w[0] * x[2],
        w[0] * x[1] - w[1] * x[0],
    ]
    along = (w[0] * x[0] + w[1] * x[1] + w[2] * x[2]) * (1.0 - cosine)
    turned = [a * cosine + b * sine + c * along for a, b, c in zip(x, cross, w, strict=True)]
    u, v = turned[0] / turned[2], turned[1] / turned[2]
    square = u * u + v * v
    factor = (1.0 + camera[9] * square + camera[10] * square * square) * camera[6]
    return [u * factor + camera[7], v * factor + camera[8]]


def residuals_of_rows(features: Any) -> Any:
    """Reprojection residuals (p, 2) of rows (p, 15): camera 11, point 3, weight 1."""

    def make(np: Any) -> Any:
        features_ = np.asarray(features)

        def f(rows: Any) -> Any:
            images = project(np, rows[:, :CAMERA], rows[:, CAMERA : CAMERA + POINT])
            return rows[:, CAMERA + POINT :] * (images - features_)

        return f

    return make


def half_squares(seen: Any, features: Any) -> Any:
    """Half the sum of squares of all residuals: w (image - feature) and 1 - w².

    seen: for each observation its camera and its point, (p, 2).
    """

    def make(np: Any) -> Any:
        features_ = np.asarray(features)
        cameras_of, points_of = np.asarray(seen[:, 0]), np.asarray(seen[:, 1])

        def f(p: Any) -> Any:
            cameras, points, weights = p
            images = project(np, cameras[cameras_of], points[points_of])
            residuals = weights[:, None] * (images - features_)
            return 0.5 * (np.sum(residuals**2) + np.sum((1.0 - weights**2) ** 2))

        return f

    return make


def _one_in_casadi(ca: Any) -> Any:
    """The residual of one observation: a function of its 15 parameters and its feature."""
    row, feature = ca.SX.sym("row", CAMERA + POINT + 1), ca.SX.sym("feature", 2)
    parts = ca.vertsplit(row)
    image = ca.vertcat(*project_one(ca, parts[:CAMERA], parts[CAMERA : CAMERA + POINT]))
    return row, feature, parts[-1] * (image - feature)


def _blocks_in_casadi(features: Any) -> Any:
    """Jacobians of all rows at once: (p, 15) to (p, 2, 15)."""

    def make(ca: Any) -> Any:
        row, feature, residual = _one_in_casadi(ca)
        one = ca.Function("one", [row, feature], [ca.jacobian(residual, row).T])
        every, columns = one.map(len(features)), numpy.asfortranarray(features.T)
        return lambda rows: every(rows.T, columns)

    return make


def _squares_in_casadi(seen: Any, features: Any) -> Any:
    def make(ca: Any) -> Any:
        row, feature, residual = _one_in_casadi(ca)
        square = ca.sumsqr(residual) + (1.0 - row[-1] ** 2) ** 2
        every = ca.Function("one", [row, feature], [square]).map(len(features))

        def f(p: Any) -> Any:
            cameras, points, weights = p
            rows = ca.horzcat(cameras[seen[:, 0].tolist(), :], points[seen[:, 1].tolist(), :],
                              weights)  # fmt: skip
            return 0.5 * ca.sum2(every(rows.T, features.T))

        return f

    return make


# observations: (cameras, points); the last as in ADBench's ba1
_SCENES = {30: (3, 10), 1000: (10, 250), 31_843: (49, 7776)}


def _scene(n: int) -> Any:
    cameras, points = _SCENES[n]
    rng = numpy.random.default_rng(n)

    def parameters() -> Any:
        camera = numpy.concatenate(
            [
                rng.normal(size=(cameras, 3)) * 0.1,  # small, so that all points are in front
                rng.normal(size=(cameras, 3)) * 0.5,
                rng.uniform(300.0, 600.0, size=(cameras, 1)),
                rng.normal(size=(cameras, 2)) * 10.0,
                rng.normal(size=(cameras, 2)) * 0.01,
            ],
            axis=1,
        )
        point = rng.normal(size=(points, 3)) + numpy.array([0.0, 0.0, 10.0])
        return camera, point, rng.uniform(0.2, 1.0, size=n)

    seen = numpy.stack([rng.integers(0, cameras, size=n), numpy.arange(n) % points], axis=1)
    return seen, rng.normal(size=(n, 2)) * 100.0, parameters(), parameters()


def _gradient(n: int) -> Case:
    seen, features, x, other = _scene(n)
    forms = {"casadi": {"Function.map": _squares_in_casadi(seen, features)}}
    return Case(half_squares(seen, features), x, other, forms, {"seen": seen, "features": features})


def _rows(seen: Any, p: Any) -> Any:
    cameras, points, weights = p
    return numpy.concatenate([cameras[seen[:, 0]], points[seen[:, 1]], weights[:, None]], axis=1)


def _blocks(n: int) -> Case:
    seen, features, x, other = _scene(n)
    forms = {"casadi": {"Function.map": _blocks_in_casadi(features)}}
    rows = _rows(seen, x), _rows(seen, other)
    return Case(residuals_of_rows(features), *rows, forms, {"features": features})


_SOURCE = "Šrajer, Kukelova & Fitzgibbon (2018), Optim. Methods Softw. 33, and ADBench"

PROBLEMS = (
    Problem(
        "bundle",
        "bundle adjustment, gradient of the sum of squares (ADBench)",
        _SOURCE + "; the sum of squares is its least-squares objective",
        "observations",
        tuple(_SCENES),
        _gradient,
    ),
    Problem(
        "bundle_jacobian",
        "bundle adjustment, the non-zero blocks of the Jacobian (ADBench)",
        _SOURCE + "; a row of the Jacobian depends on one camera, one point and one weight",
        "observations",
        tuple(_SCENES),
        _blocks,
        Operator.BLOCKS,
    ),
)
