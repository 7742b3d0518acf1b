"""NumPy functions in PyTorch programs: PyTorch's own checks, transformations and training loops."""

from __future__ import annotations

import copy
import pickle
import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch.autograd import grad, gradcheck, gradgradcheck
from torch.func import functional_call, hessian, jacfwd, jacrev, jvp, vmap
from torch.func import grad as func_grad

import diffkit as dk
from diffkit.errors import (
    DomainError,
    MissingPackageError,
    NonNumericError,
    ShapeError,
    UnknownNameError,
    UnsupportedError,
)

# PyTorch 2.13 warns of itself the first time that forward mode is used.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")


def random(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(len(shape))
    made = torch.randn(shape, generator=generator, dtype=torch.complex128)
    return made.to(dtype) if dtype.is_complex else (0.7 + made.real.abs()).to(dtype)


def given(*shapes: tuple[int, ...], dtype: torch.dtype = torch.float64) -> tuple[Any, ...]:
    return tuple(random(*shape, dtype=dtype).requires_grad_() for shape in shapes)


# PyTorch's own checks

CHECKED: list[tuple[Any, tuple[Any, ...]]] = [
    (lambda x: np.sin(x) * x, given(())),
    (lambda x: np.sum(np.exp(-x) * x[::-1]), given((3,))),
    (lambda x: x[0] * x[1:] ** 2 if x[0] > 100 else np.cumsum(x) * x[0], given((3,))),
    (lambda w, x, b: np.tanh(x @ w + b), given((3, 2), (4, 3), (2,))),
    (lambda a, b: np.linalg.solve(a @ a.T + np.eye(3), b), given((3, 3), (3,))),
    (lambda x, n, how: {"sum": np.sum, "max": np.max}[how](x**n), (*given((2, 2)), 3, "sum")),
    (lambda x, rows: x[rows] ** 2, (*given((3,)), torch.tensor([0, 2, 0]))),
    (lambda p: p["w"] * p["b"][0] + p["b"][1], ({"w": given((2,))[0], "b": given((), (2,))},)),
    (lambda z: z**2 * np.sum(np.conj(z)), given((2,), dtype=torch.complex128)),
    (lambda z: np.sum(np.abs(z) ** 2), given((2,), dtype=torch.complex128)),
    (lambda z, a: a * z**2, (*given((2,), dtype=torch.complex128), *given((2,)))),
    (lambda x: x**2 + 1j, given((2,))),
]


@pytest.mark.parametrize("k", range(len(CHECKED)))
def test_first_and_second_derivatives_in_both_modes(k: int) -> None:
    f, args = CHECKED[k]
    leaves, structure = torch.utils._pytree.tree_flatten(args)
    layer = dk.as_torch_function(f)
    of_leaves = lambda *leaves: layer(*torch.utils._pytree.tree_unflatten(leaves, structure))  # noqa: E731
    assert gradcheck(of_leaves, leaves, check_forward_ad=True)
    assert gradgradcheck(of_leaves, leaves, check_fwd_over_rev=True)


def test_third_derivatives() -> None:
    cube = dk.as_torch_function(lambda x: x**3 * np.sin(x))
    slope = lambda x: grad(cube(x), x, create_graph=True)[0]  # noqa: E731
    assert gradgradcheck(slope, given(()))


def test_each_input_alone() -> None:
    """The others are constants, and no time is spent on their derivatives."""
    f = dk.as_torch_function(lambda x, y, z: np.sum(x * y**2 * np.exp(z)))
    for k in range(3):
        args = [random(3) for _ in range(3)]
        args[k].requires_grad_()
        assert gradcheck(f, args)
        assert not f(*[a.detach() for a in args]).requires_grad
        with torch.no_grad():
            assert not f(*args).requires_grad


# PyTorch's transformations, against the same function in PyTorch


def ours(x: Any) -> Any:
    return np.sum(np.sin(x) * x[0] ** 2 / np.sqrt(1 + x @ x))


def theirs(x: torch.Tensor) -> torch.Tensor:
    return torch.sum(torch.sin(x) * x[0] ** 2 / torch.sqrt(1 + x @ x))


def stacked(x: torch.Tensor) -> torch.Tensor:
    return torch.stack([x, 2 * x, x * x, x + 1])


TRANSFORMATIONS: dict[str, Any] = {
    "grad": func_grad,
    "jacrev": jacrev,
    "jacfwd": jacfwd,
    "hessian": hessian,
    "reverse over reverse": lambda f: jacrev(jacrev(f)),
    "forward over forward": lambda f: jacfwd(jacfwd(f)),
    "reverse over forward": lambda f: jacrev(jacfwd(f)),
    "third": lambda f: hessian(func_grad(f)),
    "jvp": lambda f: lambda x: jvp(f, (x,), (x * 2,))[1],
    "per sample": lambda f: lambda x: vmap(func_grad(f))(stacked(x)),
    "of a batch": lambda f: func_grad(lambda x: vmap(f)(stacked(x)).prod()),
    "batch of batches": lambda f: lambda x: vmap(vmap(hessian(f)))(stacked(x).reshape(2, 2, 3)),
    "another axis": lambda f: lambda x: vmap(f, in_dims=1)(stacked(x).T),
}


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_transformations(name: str) -> None:
    transform, x = TRANSFORMATIONS[name], random(3)
    got, want = transform(dk.as_torch_function(ours))(x), transform(theirs)(x)
    torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-13)


def test_a_batch_with_shared_weights() -> None:
    f = dk.as_torch_function(lambda w, x, n: np.tanh(w @ x) ** n)
    w, x = random(2, 3), random(3, 5)
    want = torch.tanh(w @ x).pow(2)
    got = vmap(f, in_dims=(None, 1, None), out_dims=1)(w, x, 2)
    torch.testing.assert_close(got, want)
    slope = jacrev(lambda w: vmap(f, in_dims=(None, 1, None), out_dims=1)(w, x, 2))(w)
    torch.testing.assert_close(slope, jacrev(lambda w: torch.tanh(w @ x).pow(2))(w))


def test_a_batch_of_nothing() -> None:
    with pytest.raises(ShapeError, match="no samples"):
        vmap(dk.as_torch_function(ours))(torch.zeros(0, 3))


# Dtypes, devices, memory


@pytest.mark.parametrize(
    ("dtypes", "result"),
    [
        ((torch.float32,), torch.float32),
        ((torch.float16,), torch.float16),
        ((torch.bfloat16,), torch.bfloat16),
        ((torch.float32, torch.float64), torch.float64),
        ((torch.float32, torch.int64), torch.float32),
        ((torch.complex64,), torch.complex64),
        ((torch.float64, torch.complex64), torch.complex128),
    ],
)
def test_the_dtype_of_what_is_given_is_returned(dtypes: Any, result: torch.dtype) -> None:
    args = [random(3).to(dtype) for dtype in dtypes]
    active = [a.requires_grad_() for a in args if a.dtype != torch.int64]
    seen = []

    def f(*args: Any) -> Any:
        seen.extend([a.dtype for a in args])
        return np.sum(np.stack([np.prod(a) for a in args]))

    y = dk.as_torch_function(f)(*args)
    assert y.dtype == result
    assert {d for d in seen if d != np.int64} <= {np.dtype(float), np.dtype(complex)}
    assert [g.dtype for g in grad(y.abs(), active)] == [a.dtype for a in active]
    want = torch.stack([a.detach().to(torch.complex128).prod() for a in args]).sum()
    torch.testing.assert_close(y.detach().to(torch.complex128), want, rtol=1e-2, atol=1e-2)


def test_double_precision_inside() -> None:
    """In single precision the difference would be 0."""
    f = dk.as_torch_function(lambda x: (1.0 + x * 1e-12) - 1.0)
    x = torch.tensor(3.0, requires_grad=True)
    torch.testing.assert_close(f(x), torch.tensor(3e-12), rtol=1e-3, atol=0)


def test_no_memory_is_shared() -> None:
    """f may write into its arguments, and return one of them, or the same array each time."""

    def writes(x: Any) -> Any:
        x[0] = x[1] * 3
        return x * x

    table = np.ones(3)
    x = random(3).requires_grad_()
    before = x.detach().clone()
    for f, slope in (
        (writes, torch.tensor([0.0, 2 * before[1] * 10, 2 * before[2]])),
        (lambda x: x, torch.ones(3)),
        (lambda x: table, torch.zeros(3)),
    ):
        layer = dk.as_torch_function(f)
        y = layer(x)
        with torch.no_grad():
            y.add_(1.0)
        assert torch.equal(x, before)
        assert np.array_equal(table, np.ones(3))
        torch.testing.assert_close(grad(layer(x).sum(), x)[0], slope.double())


def test_arguments_without_tensors() -> None:
    f = dk.as_torch_function(lambda x, n: np.sum(x**n))
    assert torch.equal(f(np.ones(3), 2), torch.tensor(3.0))
    assert torch.equal(f(torch.arange(3), 2), torch.tensor(5.0))
    assert f.__class__.__name__ == "TorchFunction"


# Training


class Decay(torch.nn.Module):
    """A model with a NumPy program in the middle: Euler steps of y' = -k y, with trained k."""

    def __init__(self) -> None:
        super().__init__()
        self.log_rate = torch.nn.Parameter(torch.tensor(0.0))
        self.readout = torch.nn.Linear(1, 1)
        self.solve = dk.as_torch_function(self.steps)

    @staticmethod
    def steps(rate: Any, y: Any) -> Any:
        for _ in range(20):
            y = y - 0.05 * rate * y
        return y

    def forward(self, y: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.readout(self.solve(torch.exp(self.log_rate), y))
        return out


def test_a_model_trains() -> None:
    """It finds the slope with which data were made; the offset belongs to the readout."""
    torch.manual_seed(0)
    model = Decay().double()
    y = torch.linspace(-1, 1, 16, dtype=torch.float64).reshape(-1, 1)
    target = 0.3 * y + 0.5
    optimizer = torch.optim.LBFGS(
        model.parameters(), max_iter=200, tolerance_grad=1e-9, tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def closure() -> Any:
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(y), target)
        loss.backward()
        return loss

    optimizer.step(closure)
    assert closure() < 1e-14
    slope = model.readout.weight.item() * (1 - 0.05 * model.log_rate.exp().item()) ** 20
    assert abs(slope - 0.3) < 1e-6
    assert abs(model.readout.bias.item() - 0.5) < 1e-6


def test_a_model_is_copied_pickled_and_called_with_other_weights() -> None:
    model, y = Decay(), torch.ones(2, 1)
    want = model(y)
    want.sum().backward()  # something is prepared
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(other(y), want)
        other(y).sum().backward()
    weights = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
    assert torch.equal(functional_call(model, weights, (y,)), torch.zeros(2, 1))
    again = torch.utils.checkpoint.checkpoint(model, y, use_reentrant=False)
    slope = grad(again.sum(), model.log_rate)[0]
    torch.testing.assert_close(slope, grad(model(y).sum(), model.log_rate)[0])


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
def test_compiled_programs_call_it_from_outside() -> None:
    """Their compiler does not look into it: it would trace NumPy's functions as its own."""
    layer = dk.as_torch_function(lambda x: np.sin(x) * x)
    program = lambda x: (3 * layer(2 * x)).sum()  # noqa: E731
    graphs = []

    def compiler(graph: Any, _: Any) -> Any:
        graphs.append([node.name for node in graph.graph.nodes if node.op.startswith("call")])
        return graph

    x = random(3).requires_grad_()
    y = torch.compile(program, backend=compiler)(x)
    torch.testing.assert_close(y, program(x))
    torch.testing.assert_close(grad(y, x), grad(program(x), x))
    assert [len(graph) for graph in graphs] == [1, 2]  # 2 x, and the sum of 3 y


# Errors


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_outside_of_the_domain() -> None:
    """The value is NumPy's NaN; a gradient there is refused."""
    x = torch.tensor([-1.0, 2.0], requires_grad=True)
    y = dk.as_torch_function(np.log)(x)
    assert y.isnan().tolist() == [True, False]
    with pytest.raises(DomainError, match="inside the domain"):
        y.sum().backward()


@pytest.mark.parametrize("backend", ["finite_difference", "complex_step", "symbolic", "forward"])
def test_other_backends(backend: str) -> None:
    x = random(3).requires_grad_()
    f = dk.as_torch_function(ours, backend=backend)
    first = grad(f(x), x, create_graph=True)[0]
    torch.testing.assert_close(first, func_grad(theirs)(x), rtol=1e-8, atol=1e-9)
    if backend == "forward":
        assert gradgradcheck(f, (x,))
        return
    with pytest.raises(UnsupportedError, match="backend='reverse' or backend='forward'"):
        grad(first.sum(), x)


def test_what_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'reverse'"):
        dk.as_torch_function(np.sin, backend="revers")
    with pytest.raises(TypeError, match="must be callable, got str"):
        dk.as_torch_function("sin(x)")
    with pytest.raises(NonNumericError, match="is a `return` missing"):
        dk.as_torch_function(lambda x: None)(torch.ones(2))
    with pytest.raises(ShapeError, match="different shapes"):
        vmap(dk.as_torch_function(lambda x: x[x > 0]))(torch.tensor([[1.0, -1.0], [1.0, 1.0]]))


def test_without_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'diffkit\[torch\]'"):
        dk.as_torch_function(np.sin)
