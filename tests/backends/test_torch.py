"""PyTorch: where its functions differ from NumPy's, what would lose a derivative, its settings."""

from __future__ import annotations

import math
import shutil
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import scipy.special
import torch

import diffkit as dk
from diffkit._backends.reverse import Reverse
from diffkit._backends.torch_functions import operation
from diffkit.errors import NonNumericError, TracerConversionError, UnsupportedError
from diffkit.rules import RULES
from diffkit.testing import check_backend
from tests.backends.test_every_rule_elsewhere import _points, cases
from tests.rules.rule_checker import _of_active

X = np.array([0.3, -1.2, 0.7])
A = np.array([[2.0, 0.5, -1.0], [0.3, 3.0, 0.2], [1.5, -0.4, 4.0]])
DOUBLES = torch.float64


def close(a: Any, b: Any, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def test_nothing_is_unsupported() -> None:
    assert check_backend(dk.Torch()).counts["unsupported"] == 0


# The rules, beyond the pullbacks that test_every_rule_elsewhere.py compares


def test_every_rule_is_right_or_refused_for_tangents_and_to_second_order() -> None:
    rng = np.random.default_rng(5)
    right = 0
    for case in cases(of_each=1):
        f, x = _of_active(case), _points(case)
        if any(map(np.iscomplexobj, x)):
            continue
        u = rng.standard_normal(np.shape(f(*x)))
        v = tuple([rng.standard_normal(np.shape(a)) if np.ndim(a) else 0.7 for a in x])
        for name, g in (
            ("value_and_jvp", lambda t, f=f: f(*t)),
            ("value_and_hvp", lambda t, f=f, u=u: np.sum(u * np.real(f(*t)))),
        ):
            due = getattr(Reverse(), name)(g, x, v)[1]
            try:
                found = getattr(dk.Torch(), name)(g, x, v)[1]
            except UnsupportedError:
                continue
            for a, b in zip(*(d if isinstance(d, tuple) else (d,) for d in (found, due)),
                            strict=True):  # fmt: skip
                scale = max(1.0, float(np.max(np.abs(b), initial=0.0)))
                np.testing.assert_allclose(a, b, 1e-7, 1e-8 * scale, err_msg=f"{case}: {name}")
            right += 1
    assert right >= 540, right


# Functions that PyTorch has otherwise than NumPy

COUNTS = np.array([3, 1, 2])
MASK = np.array([True, False, True])
SMALL = np.array([0, 2], dtype=np.uint8)  # an index that PyTorch would take for a mask
B = np.arange(24.0).reshape(2, 3, 4) / 7
DIFFERENT: dict[str, Callable[[Any], Any]] = {
    "whole numbers times a number": lambda x: np.sum(np.argsort(x) * 0.1 * x),
    "a quotient of whole numbers": lambda x: np.sum(x * (COUNTS / 7)),
    "the sine of whole numbers": lambda x: np.sum(x * np.sin(np.argsort(x))),
    "the reciprocal of whole numbers": lambda x: x * np.reciprocal(np.argsort(x) + 1),
    "truth values as numbers": lambda x: np.sum((x > 0) * x + (x < 1) * 0.1),
    "a sum of truth values": lambda x: x * np.sum(x > 0) / 3,
    "the mean of truth values": lambda x: x * np.mean(x > 0),
    "a choice of numbers": lambda x: x * np.where(x > 0, 0.1, 0.7),
    "a choice of whole numbers": lambda x: np.where(x > 0, 1, x),
    "a single number beside doubles": lambda x: x * np.float32(0.1) + np.float64(0.1),
    "no axes": lambda x: np.sum(x, axis=()) * np.prod(x, axis=()) + np.max(x, axis=()),
    "two axes": lambda x: np.prod(x[:, None] + B[0], axis=(0, 1)),
    "an initial value": lambda x: np.max(x, initial=0.5) + np.sum(x, initial=0.1) * np.prod(x),
    "a median of four": lambda x: np.median(np.concatenate([x, x[:1] * 2])),
    "a median of NaN": lambda x: x + np.nan_to_num(np.median(np.where(x > 0, x, np.nan))),
    "a quantile": lambda x: np.quantile(x, [0.1, 0.8], method="hazen"),
    "degrees of freedom": lambda x: np.var(x, ddof=1) + np.std(x),
    "steps backwards": lambda x: x[::-1] * x[:1:-1] + (B[:, 1, ::-2] @ x[:-3:-1])[:1],
    "steps backwards beside an array": lambda x: (x[:, None] * A)[::-1, [0, 2]][None, ..., ::-1],
    "a number, a slice and an array": lambda x: (x[:, None] + B)[0, :, [0, 1]],
    "an array, a slice and a number": lambda x: (x[:, None] + B)[[0, 1], :, 2],
    "small whole numbers": lambda x: x[SMALL] ** 2,
    "a mask": lambda x: x[MASK] * x[x > 0],
    "an index that depends on x": lambda x: x[np.argmax(x)] * x[np.argsort(x)],
    "an element written twice": lambda x: written(x, [0, 1, 0], x**2),
    "a slice written": lambda x: written(x, slice(None, None, -2), 5.0 * x[:2]),
    "a sort": lambda x: np.sort(x) * np.arange(3),
    "a matrix and a stack": lambda x: np.linalg.solve(np.stack([A] * 3), x * A),
    "one triangle": lambda x: np.linalg.cholesky(symmetric(x) + np.triu(A * x, 1)),
    "the other triangle": lambda x: np.linalg.eigh(symmetric(x) + np.tril(A * x, -1), "U")[0],
    "eigenvalues that are real": lambda x: np.sum(np.linalg.eigvals(A * x) ** 2),
    "a determinant": lambda x: np.linalg.det(A * x),
    "a triangle of a vector": lambda x: np.tril(x) + np.triu(x, 1),
    "a whole power": lambda x: x**3 + x**2.0 + (x - 0.3) ** 1,
    "scaled far": lambda x: np.ldexp(x, 300),
    "taken apart": lambda x: np.frexp(x * 1e-300)[0] + np.modf(x)[0],
    "ties": lambda x: np.fmax(x, X) + np.fmin(x, X) + np.clip(x, -1.2, 0.3) + np.max(x * 0 + x[0]),
    "equal elements": lambda x: np.std(x * 0 + x[0]) + np.linalg.norm(x - X),
    "NaN passed over": lambda x: np.nanmedian(np.where(x > 0, x, np.nan)) * np.nanmax(x),
    "in columns": lambda x: np.reshape(x[:, None] * B[0], (2, 6), order="F") * np.arange(6),
    "rolled about two axes": lambda x: np.roll(x * A, (1, 2), (0, 1)) * A,
    "repeated": lambda x: np.repeat(x, [2, 0, 1]) * np.tile(x, 1),
    "a transform of whole numbers": lambda x: np.real(np.fft.fft(np.argsort(x))) * x,
    "an empty sum": lambda x: np.sum(x[:0]) + x * np.prod(x[:0]),
    "order K": lambda x: np.copy(x) * np.float64(2.0),
}  # fmt: skip


def written(x: Any, index: Any, value: Any) -> Any:
    y = np.copy(x)
    y[index] = value
    return y


def symmetric(x: Any) -> Any:
    return np.diag(np.array([3.0, 4.0, 5.0])) + x[:, None] * x


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_differs_between_the_two_libraries_is_numpys(name: str) -> None:
    f = DIFFERENT[name]
    for x in (X, X + np.array([0.2, 0.1, -0.1])):
        y, jacobian = dk.value_and_jacobian(f, x, backend="torch")
        close(y, f(x))
        close(jacobian, dk.jacobian(f, x), 1e-9)
        assert np.asarray(y).dtype == np.asarray(f(x)).dtype


SECOND: dict[str, tuple[Callable[[Any], Any], Any]] = {
    # d2/da db a^b = a^(b-1) (1 + b log a)
    "a power at exponent 0": (lambda x: x[0] ** x[1], np.array([2.0, 0.0])),
    # (sin(pi x)/(pi x))'' is -pi^2/3 at 0
    "the normalised sine at 0": (lambda x: np.sum(np.sinc(x)), np.array([0.0, 1e-9, 1e-4])),
    "a product with zeros": (np.prod, np.array([0.0, 0.0, 3.0])),
    "a running product": (lambda x: np.sum(np.cumprod(x) ** 2), np.array([2.0, 0.0, 3.0])),
    "the largest": (lambda x: np.max(x**2) * x[0], X),
}


@pytest.mark.parametrize("name", SECOND)
def test_second_derivatives_where_those_of_pytorch_fail(name: str) -> None:
    f, x = SECOND[name]
    close(dk.hessian(f, x, backend="torch"), dk.hessian(f, x), 1e-9)


def test_the_second_derivatives_of_a_power_and_of_the_sine_have_their_closed_forms() -> None:
    power, x = SECOND["a power at exponent 0"]
    close(dk.hessian(power, x, backend="torch"), [[0, 0.5], [0.5, math.log(2) ** 2]])
    sine, x = SECOND["the normalised sine at 0"]
    close(np.diag(dk.hessian(sine, x, backend="torch")), -(math.pi**2) / 3, 1e-7)


@pytest.mark.parametrize("a", [np.outer(X, X), np.zeros((1, 1)), np.diag([1.0, 1e-9])], ids=str)
def test_a_determinant_is_refused_where_its_derivative_would_be_0(a: Any) -> None:
    with pytest.raises(UnsupportedError, match=r"det .*singular.*backend='reverse'"):
        dk.gradient(np.linalg.det, a, backend="torch")


@pytest.mark.parametrize(
    "f", [scipy.special.j0, scipy.special.k0, scipy.special.i1, scipy.special.gamma]
)
def test_what_pytorch_would_differentiate_to_0_is_refused(f: Any) -> None:
    with pytest.raises(UnsupportedError, match=rf"torch has no {f.__name__}"):
        dk.derivative(f, 0.5, backend="torch")
    with pytest.raises(UnsupportedError):
        operation(RULES[f])


def test_a_jacobian_of_complex_numbers_keeps_the_imaginary_part() -> None:
    k = np.arange(4)
    dft = np.exp(-2j * np.pi * np.outer(k, k) / 4)
    close(dk.jacobian(np.fft.fft, k * 1.0, backend="torch"), dft)
    close(dk.jvp(np.fft.fft, k * 1.0, np.eye(4)[1], backend="torch"), dft[:, 1])
    u = np.array([1.0, 1j, 2.0, -1j])  # the real part of u F dx
    close(dk.vjp(np.fft.fft, k * 1.0, u, backend="torch"), np.real(u @ dft))


def test_results_are_in_memory_of_their_own() -> None:
    v = X.copy()
    for found in (
        dk.gradient(np.sum, X, backend="torch"),
        dk.jvp(lambda x: x, X, v, backend="torch"),
        dk.vjp(lambda x: x, X, v, backend="torch"),
    ):
        second = found[1]
        found[0] = 5.0
        assert found[1] == second  # of a number that was broadcast it would be 5
    close(X, v)
    assert v[0] == 0.3


def test_a_power_of_two_may_be_out_of_range() -> None:
    scaled = operation(RULES[np.ldexp])(torch.tensor(1e-300, dtype=DOUBLES), torch.tensor(1100))
    assert scaled.item() == np.ldexp(1e-300, 1100)


@pytest.mark.parametrize("x", [X[::-1], np.broadcast_to(0.3, 3), np.asfortranarray(A)[:, 0]])
def test_points_may_lie_in_memory_as_they_like(x: Any) -> None:
    x = x[:]
    x.flags.writeable = False
    close(dk.gradient(lambda x: np.sum(x**3), x, backend="torch"), 3 * x**2)


# Functions written for PyTorch

OPERATORS = ("gradient", "jacobian", "hessian", "jvp", "hvp", "vjp")


def vector(operator: str) -> tuple[Any, ...]:
    return {"jvp": (X,), "hvp": (X,), "vjp": (2.0,)}.get(operator, ())


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_takes_functions_written_for_pytorch(operator: str) -> None:
    weights = torch.tensor(A)
    f = lambda x: torch.sum(torch.tanh(weights @ x)) * x[0]  # noqa: E731
    apply: Any = getattr(dk, operator)
    due = apply(lambda x: np.sum(np.tanh(A @ x)) * x[0], X, *vector(operator))
    close(apply(f, X, *vector(operator), backend="torch"), due)
    prepared = dk.prepare(apply, f, X + 1, *vector(operator), backend="torch")
    assert prepared.plan.name == "torch"
    close(prepared(X, *vector(operator)), due)


def test_a_module_is_a_function_and_its_parameters_are_left_alone() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(3, 2, dtype=DOUBLES), torch.nn.Softplus())
    weight, bias = (p.detach().numpy() for p in module[0].parameters())
    due = weight / (1 + np.exp(-(weight @ X + bias)))[:, None]
    close(dk.jacobian(module, X, backend="torch"), due)
    assert all(p.grad is None and p.requires_grad for p in module.parameters())


def test_numbers_lists_and_branches() -> None:
    f = lambda x: [torch.sin(x), x * x] if x > 0 else [x, x]  # noqa: E731
    close(dk.jacobian(f, 0.5, backend="torch"), [math.cos(0.5), 1.0])
    close(dk.jacobian(f, -0.5, backend="torch"), [1.0, 1.0])
    close(dk.second_derivative(torch.sin, 0.5, backend="torch"), -math.sin(0.5))
    close(dk.derivative(torch.sin, X, backend="torch"), np.cos(X))
    close(dk.gradient(lambda x, n: torch.sum(x**n), X, 3.0, backend="torch"), 3 * X**2)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_function_may_differentiate_on_its_own() -> None:
    def inner(x: Any) -> Any:
        return torch.sum(x**3)

    def with_graph(x: Any) -> Any:
        return torch.sum(torch.autograd.grad(inner(x), x, create_graph=True)[0])

    for f in (with_graph, lambda x: torch.sum(torch.func.grad(inner)(x))):
        close(dk.gradient(f, X, backend="torch"), 6 * X)
    for f in (
        lambda x: torch.func.vjp(torch.sin, x)[1](x)[0].sum(),
        lambda x: torch.func.jvp(torch.sin, (x,), (x,))[1].sum(),
    ):
        close(dk.gradient(f, X, backend="torch"), np.cos(X) - X * np.sin(X))

    def with_constant(x: Any) -> Any:
        (g,) = torch.autograd.grad(torch.sum(2 * x), x, create_graph=True)
        return torch.sum(x**2 * g)

    close(dk.gradient(with_constant, X, backend="torch"), 4 * X)


class Square(torch.autograd.Function):
    """A function whose own code turns tensors into numbers, as it may."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return torch.tensor(float(x) ** 2, dtype=DOUBLES)

    @staticmethod
    def backward(ctx: Any, u: Any) -> Any:
        return 2 * ctx.saved_tensors[0] * u


def test_what_is_meant_to_have_no_derivative_has_none() -> None:
    def steady(x: Any) -> Any:
        with torch.no_grad():
            scale = float(x[0])
        return scale * x[1] * torch.zeros_like(x).add(1.0)[0] * x[2].detach()

    close(dk.gradient(steady, X, backend="torch"), [0, 0.3 * 0.7, 0])
    square = lambda x: Square.apply(x[0]) * torch.sin(x[1])  # noqa: E731
    fresh = lambda x: torch.sum(x * x.new_tensor([1.0, 2.0, 3.0]))  # noqa: E731
    close(dk.gradient(fresh, X, backend="torch"), [1, 2, 3])
    close(dk.gradient(square, X, backend="torch"), [0.6 * np.sin(-1.2), 0.09 * np.cos(-1.2), 0])


LOSING: dict[str, Callable[[Any], Any]] = {
    "float": lambda x: torch.sin(x[0]) * float(x[1]),
    "int": lambda x: torch.sin(x[0]) * int(x[1]),
    "complex": lambda x: torch.sin(x[0]) * complex(x[1]).real,
    "math": lambda x: torch.sin(x[0]) * math.sin(x[1]),
    "item": lambda x: torch.sin(x[0]) * x[1].item(),
    "tolist": lambda x: torch.sin(x[0]) * x.tolist()[1],
    "numpy": lambda x: torch.sin(x[0]) * x.numpy()[1],
    "np.asarray": lambda x: torch.sin(x[0]) * np.asarray(x)[1],
    "np.sin": lambda x: torch.sin(x[0]) * torch.from_numpy(np.sin(x)).sum(),
    "torch.tensor": lambda x: torch.sin(x[0]) * torch.tensor([x[1], 2.0])[0],
    "torch.tensor of one": lambda x: torch.sin(x[0]) * torch.tensor(x)[1],
    "torch.as_tensor": lambda x: torch.sin(x[0]) * torch.as_tensor([x[1], 2.0])[0],
    "new_tensor": lambda x: torch.sin(x[0]) * x.new_tensor([x[1]])[0],
    "linspace": lambda x: torch.sin(x[0]) * torch.linspace(0.0, x[1], 3, dtype=DOUBLES)[1],
    "linspace by name": lambda x: torch.sin(x[0]) * torch.linspace(
        start=0.0, end=x[1], steps=3, dtype=DOUBLES)[1],
    "a Bessel function": lambda x: torch.sin(x[0]) * torch.special.bessel_j0(x[1]),
    "a gradient": lambda x: torch.autograd.grad(torch.sum(x**3), x)[0].sum(),
    "float in a transform": lambda x: torch.func.grad(lambda t: t[0] * float(t[1]))(x).sum(),
    "float in a pushforward": lambda x: torch.func.jvp(
        lambda t: t * float(t[0]), (x,), (x,))[1].sum(),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSING)
@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("functions", ["auto", "library"])
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_what_loses_the_derivative_is_an_error(name: str, operator: str, functions: str) -> None:
    backend = dk.Torch(functions=functions)
    apply: Any = getattr(dk, operator)
    with pytest.raises(TracerConversionError, match="without their derivative; use functions"):
        apply(LOSING[name], X, *vector(operator), backend=backend)


def test_a_branch_that_loses_the_derivative_is_an_error_when_it_is_taken() -> None:
    f = lambda x: torch.sum(x) if x[0] > 0 else LOSING["float"](x)  # noqa: E731
    g = dk.prepare(dk.gradient, f, X, backend="torch")
    close(g(2 * X), [1, 1, 1])
    with pytest.raises(TracerConversionError, match="without their derivative"):
        g(-X)


def test_a_numpy_function_that_cannot_be_recorded_does_not_become_a_constant() -> None:
    with pytest.raises(TracerConversionError, match=r"np.sin for math.sin") as caught:
        dk.gradient(lambda x: math.sin(x[0]) * x[1], X, backend="torch")
    assert "As a function written for torch it fails, too: float()" in caught.value.__notes__[0]


@pytest.mark.parametrize("y", [1.0, "a", None, X])
def test_a_result_that_is_no_tensor_is_refused(y: Any) -> None:
    f = lambda x: (torch.sin(x), y)[1]  # noqa: E731
    with pytest.raises(NonNumericError, match=f"must return a tensor, got {type(y).__name__}"):
        dk.gradient(f, X, backend=dk.Torch(functions="library"))


# PyTorch's own settings


@pytest.fixture
def other_settings() -> Iterator[None]:
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float16)
    torch.set_default_device("meta")
    try:
        yield
    finally:
        torch.set_default_dtype(default)
        torch.set_default_device(None)


@pytest.mark.usefixtures("other_settings")
@pytest.mark.parametrize("guard", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_the_settings_of_pytorch_do_not_matter(guard: Any) -> None:
    f = lambda x: np.sum(np.where(x > 0, x**2, -x) * np.argsort(x) * 0.1 / COUNTS)  # noqa: E731
    own = lambda x: torch.sum(x**3)  # noqa: E731
    with guard():
        for operator in OPERATORS:
            apply: Any = getattr(dk, operator)
            found = apply(f, X, *vector(operator), backend="torch")
            close(found, apply(f, X, *vector(operator)))
        close(dk.gradient(own, X, backend="torch"), 3 * X**2)
        close(dk.gradient(lambda x: written(x, [0, 0], x[1:])[0] ** 2, X, backend="torch"),
              [0, 0, 2 * X[2]])  # fmt: skip


def test_the_settings_of_pytorch_stay_what_they_are() -> None:
    def settings() -> list[Any]:
        return [
            torch.get_default_dtype(), torch.is_grad_enabled(), torch.is_inference_mode_enabled(),
            torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(),
            torch.is_anomaly_enabled(), torch.get_rng_state().tolist(), warnings.filters[:],
            torch.overrides._get_current_function_mode(),
        ]  # fmt: skip

    before = settings()
    for operator in OPERATORS:
        apply: Any = getattr(dk, operator)
        apply(lambda x: np.sum(x**3), X, *vector(operator), backend="torch")
        apply(lambda x: torch.sum(x**3), X, *vector(operator), backend="torch")
        with pytest.raises(TracerConversionError):
            apply(LOSING["float"], X, *vector(operator), backend="torch")
    assert settings() == before


def test_threads_do_not_meet() -> None:
    def derive(k: int) -> Any:
        f = (lambda x: np.sum(np.sin(k * x))) if k % 2 else (lambda x: torch.sum(torch.sin(k * x)))
        return dk.hvp(f, X, X, backend="torch"), dk.jvp(np.sin, k * X, X, backend="torch")

    with ThreadPoolExecutor(4) as pool:
        for k, (product, push) in enumerate(pool.map(derive, range(40))):
            close(product, -(k**2) * np.sin(k * X) * X)
            close(push, np.cos(k * X) * X)


# Compiled


def follow(x: Any, a: Any) -> Any:
    return np.sum(np.where(x > 0, x**2, -x) * np.sin(a * x[0])) if x[0] > 0 else np.sum(np.exp(x))


POINTS = [X, X + 1, -X, 2 * X]


@pytest.mark.parametrize("operator", OPERATORS)
def test_what_is_handed_to_the_compiler_depends_on_the_point(
    operator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed: list[Any] = []
    monkeypatch.setattr(torch, "compile", lambda graph: handed.append(graph) or graph)
    apply: Any = getattr(dk, operator)
    g = dk.prepare(apply, follow, X, *vector(operator), 2.0, backend=dk.Torch(compile=True))
    for k, x in enumerate(POINTS):
        close(g(x, *vector(operator), float(k)), apply(follow, x, *vector(operator), float(k)))
    assert len(handed) == g.recordings == 2


DECIDING: dict[str, Callable[[Any], Any]] = {
    "a sort": lambda x: np.sum(np.sort(x) * np.arange(3)),
    "a median beside NaN": lambda x: np.nanmedian(np.where(x > 0.2, x, np.nan)),
    "a table": lambda x: np.sum(np.interp(x, X[[1, 0, 2]], X) * x),
    "a determinant": lambda x: np.linalg.det(A * x),
    "a power of a power": lambda x: np.sum(np.abs(x) ** (x - x[0])),
}


@pytest.mark.parametrize("name", DECIDING)
def test_what_depends_on_values_is_not_compiled(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda graph: pytest.fail("a value became a constant"))
    f = DECIDING[name]
    g = dk.prepare(dk.gradient, f, X, backend=dk.Torch(compile=True))
    assert g.plan.name == "torch"
    for x in POINTS:
        close(g(x), dk.gradient(f, x), 1e-9)


def test_compiled_derivatives_are_right_with_a_compiler_and_without() -> None:
    g = dk.prepare(dk.gradient, follow, X, 2.0, backend=dk.Torch(compile=True))
    assert g.plan.name == ("torch" if shutil.which("g++") or shutil.which("clang++") else "eager")
    for x in POINTS[:2]:  # on one branch, as compiling takes long
        close(g(x, 3.0), dk.gradient(follow, x, 3.0))
