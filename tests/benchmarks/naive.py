"""The problems once more, in mpmath, number by number and as the formulas are written."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from mpmath import mp, mpf


def _exact(array: Any) -> list[Any]:
    return [mpf(float(v)) for v in array]


def griewank(case: Any, n: int) -> Any:
    a, b = _exact(case.x)
    return (mp.sin(a / b) + a / b - mp.exp(b)) * (a / b - mp.exp(b))


def rosenbrock(case: Any, n: int) -> Any:
    x = _exact(case.x)
    return sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in pairwise(x))


def speelpenning(case: Any, n: int) -> Any:
    return mp.fprod(_exact(case.x))


def helmholtz(case: Any, n: int, a: Any, b: Any) -> Any:
    x, b = _exact(case.x), _exact(b)
    bx = sum(p * q for p, q in zip(b, x, strict=True))
    ideal = sum(v * mp.log(v / (1 - bx)) for v in x)
    energy = sum(x[i] * mpf(float(a[i, j])) * x[j] for i in range(n) for j in range(n))
    # Peng and Robinson's equation of state: 1 ± √2 are the roots of t² − 2t − 1.
    excess = mp.log((1 + (1 + mp.sqrt(2)) * bx) / (1 + (1 - mp.sqrt(2)) * bx))
    return ideal - energy / (mp.sqrt(8) * bx) * excess


def logistic(case: Any, n: int) -> Any:
    # l(n) = sin²(2ⁿ arcsin √l(0)), the closed form of the map with the factor 4.
    return mp.sin(2**n * mp.asin(mp.sqrt(mpf(float(case.x))))) ** 2


def pendulum(case: Any, n: int) -> Any:
    q, p = _exact(case.x)
    step = mpf(0.01)
    for _ in range(n):
        q, p = q + step * p, p - step * mp.sin(q)
    return p * p / 2 - mp.cos(q)


def lotka_volterra(case: Any, n: int) -> Any:
    """By the tableau of the classical method."""
    a, b, c, d = _exact(case.x)
    half, h = mpf(1) / 2, mpf(0.05)
    tableau = [[], [half], [0, half], [0, 0, 1]]
    weights = [mpf(1) / 6, mpf(1) / 3, mpf(1) / 3, mpf(1) / 6]
    y = [mpf(1), half]
    for _ in range(n):
        slopes: list[Any] = []
        for row in tableau:
            prey, hunters = [
                v + h * sum(factor * s[k] for factor, s in zip(row, slopes, strict=True))
                for k, v in enumerate(y)
            ]
            slopes.append([a * prey - b * prey * hunters, d * prey * hunters - c * hunters])
        y = [v + h * sum(w * s[k] for w, s in zip(weights, slopes, strict=True))
             for k, v in enumerate(y)]  # fmt: skip
    return sum(y)


def determinant(case: Any, n: int) -> Any:
    return mp.det(mp.matrix(case.x.tolist()))


def elementwise(case: Any, n: int) -> Any:
    return sum(mp.exp(-v * v) * mp.sin(3 * v) + mp.sqrt(1 + v * v) for v in _exact(case.x))


def mlp(case: Any, n: int, data: Any, labels: Any) -> Any:
    w1, b1, w2, b2 = (mp.matrix(v.tolist()) for v in case.x)
    total = mpf(0)
    for row, label in zip(data.tolist(), labels.tolist(), strict=True):
        hidden = [
            mp.tanh(sum(mpf(v) * w1[i, j] for i, v in enumerate(row)) + b1[j])
            for j in range(w1.cols)
        ]
        out = [sum(h * w2[j, k] for j, h in enumerate(hidden)) + b2[k] for k in range(w2.cols)]
        chosen = label.index(1.0)
        total -= mp.log(mp.exp(out[chosen]) / sum(mp.exp(v) for v in out))
    return total / len(data)


def mixture(case: Any, n: int, points: Any) -> Any:
    """The density of each component but for (2π)^(-d/2), which the objective leaves out."""
    weights, means, logs = case.x
    shares = [mp.exp(w) for w in weights.tolist()]
    total = mpf(0)
    for point in points.tolist():
        density = mpf(0)
        for share, mean, log in zip(shares, means.tolist(), logs.tolist(), strict=True):
            sigma = [mp.exp(v) for v in log]
            distance = sum(
                ((mpf(x) - mpf(m)) / s) ** 2 for x, m, s in zip(point, mean, sigma, strict=True)
            )
            density += share / sum(shares) * mp.exp(-distance / 2) / mp.fprod(sigma)
        total += mp.log(density)
    return total


def gmm(case: Any, n: int, points: Any) -> Any:
    """Densities with precision Qᵀ Q, and the logarithm of Wishart's prior for γ = 1, m = 0."""
    alphas, means, icf = case.x
    d = points.shape[1]
    shares = [mp.exp(a) for a in alphas.tolist()]
    factors = [_lower(row, d) for row in icf.tolist()]
    total = mpf(0)
    for point in points.tolist():
        density = mpf(0)
        for share, mean, q in zip(shares, means.tolist(), factors, strict=True):
            z = q * mp.matrix([mpf(x) - mpf(m) for x, m in zip(point, mean, strict=True)])
            normal = mp.exp(-(z.T * z)[0] / 2) * mp.det(q) / mp.sqrt(2 * mp.pi) ** d
            density += share / sum(shares) * normal
        total += mp.log(density)
    dof = d + 1
    gamma = mp.pi ** (mpf(d * (d - 1)) / 4) * mp.fprod(
        mp.gamma((mpf(dof) - j) / 2) for j in range(d)
    )
    for q in factors:
        total += sum(v * v for v in q) / 2 + mp.log(mp.sqrt(2) ** (dof * d) * gamma)
    return total


def _lower(row: list[float], d: int) -> Any:
    q, rest = mp.matrix(d, d), iter(row[d:])
    for i in range(d):
        q[i, i] = mp.exp(row[i])
    for column in range(d):
        for i in range(column + 1, d):
            q[i, column] = next(rest)
    return q


def residuals(camera: Any, point: Any, weight: Any, feature: Any) -> list[Any]:
    """Of one observation; the rotation is the exponential of a skew matrix (Rodrigues)."""
    c = _exact(camera)
    skew = mp.matrix([[0, -c[2], c[1]], [c[2], 0, -c[0]], [-c[1], c[0], 0]])
    x = mp.matrix([mpf(float(p)) - q for p, q in zip(point, c[3:6], strict=True)])
    turned = mp.expm(skew, method="taylor") * x
    u, v = turned[0] / turned[2], turned[1] / turned[2]
    r2 = u * u + v * v
    factor = 1 + c[9] * r2 + c[10] * r2**2
    image = [c[6] * factor * u + c[7], c[6] * factor * v + c[8]]
    return [mpf(float(weight)) * (a - mpf(float(f))) for a, f in zip(image, feature, strict=True)]


def bundle(case: Any, n: int, seen: Any, features: Any) -> Any:
    cameras, points, weights = case.x
    total = mpf(0)
    for (i, j), feature, weight in zip(seen, features, weights, strict=True):
        total += sum(r * r for r in residuals(cameras[i], points[j], weight, feature))
        total += (1 - mpf(float(weight)) ** 2) ** 2
    return total / 2


def lstm(case: Any, n: int, state: Any, sequence: Any) -> Any:
    """Two layers of diagonal cells, unit by unit."""
    main, extra = case.x
    width = extra.shape[1]
    w = [_exact(row) for row in main]
    scale, out, shift = (_exact(row) for row in extra)
    hidden, cell = [_exact(state[0]), _exact(state[2])], [_exact(state[1]), _exact(state[3])]
    opened = lambda v: 1 / (1 + mp.exp(-v))  # noqa: E731
    total = mpf(0)
    for t in range(n - 1):
        x = [mpf(float(v)) * s for v, s in zip(sequence[t], scale, strict=True)]
        for layer in range(2):
            weight, bias = w[2 * layer], w[2 * layer + 1]
            for k in range(width):
                at = [k, width + k, 2 * width + k, 3 * width + k]
                given = [x[k], hidden[layer][k], x[k], hidden[layer][k]]
                gate = [g * weight[p] + bias[p] for g, p in zip(given, at, strict=True)]
                cell[layer][k] = opened(gate[0]) * cell[layer][k] + opened(gate[1]) * mp.tanh(
                    gate[3]
                )
                hidden[layer][k] = opened(gate[2]) * mp.tanh(cell[layer][k])
            x = list(hidden[layer])
        y = [h * a + b for h, a, b in zip(x, out, shift, strict=True)]
        normaliser = mp.log(2 + sum(mp.exp(v) for v in y))
        wanted = sequence[t + 1].tolist()
        total += sum(g * (v - normaliser) for g, v in zip(wanted, y, strict=True))
    return -total / ((n - 1) * width)
