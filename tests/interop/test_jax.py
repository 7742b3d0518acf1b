"""NumPy functions in JAX programs: JAX's own checks, transformations and control flow.

JAX is not configured for the whole process: what is to be in double precision says so.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import diffkit as dk
from diffkit.errors import (
    DomainError,
    MissingPackageError,
    NonNumericError,
    ShapeError,
    UnknownNameError,
    UnsupportedError,
)

if hasattr(jax, "enable_x64"):
    enable_x64 = jax.enable_x64
else:  # before JAX 0.8
    from jax.experimental import enable_x64


@pytest.fixture
def double() -> Iterator[None]:
    with enable_x64(True):
        yield


def random(*shape: int) -> Any:
    return 0.7 + np.abs(np.random.default_rng(len(shape)).normal(size=shape))


def complexes(*shape: int) -> Any:
    return random(*shape) * np.exp(1j * random(*shape, 1)[..., 0])


# JAX's own checks

CHECKED: list[tuple[Any, tuple[Any, ...]]] = [
    (lambda x: np.sin(x) * x, (random(),)),
    (lambda x: np.sum(np.exp(-x) * x[::-1]), (random(3),)),
    (lambda w, x, b: np.tanh(x @ w + b), (random(3, 2), random(4, 3), random(2))),
    (lambda a, b: np.linalg.solve(a @ a.T + np.eye(3), b), (random(3, 3), random(3))),
    (lambda p: p["w"] * p["b"][0] + p["b"][1], ({"w": random(2), "b": (random(), random(2))},)),
    (lambda z: z**2 * np.sum(np.conj(z)), (complexes(2),)),
    (lambda z: np.sum(np.abs(z) ** 2), (complexes(2),)),
    (lambda z, a: a * z**2, (complexes(2), random(2))),
    (lambda x: x**2 + 1j, (random(2),)),
]


@pytest.mark.parametrize("k", range(len(CHECKED)))
def test_first_and_second_derivatives_in_both_modes(double: None, k: int) -> None:
    f, args = CHECKED[k]
    check_grads(dk.as_jax_function(f), jax.tree.map(jnp.asarray, args), 2, ["fwd", "rev"])


def test_compiled_derivatives(double: None) -> None:
    f, args = CHECKED[2]
    check_grads(jax.jit(dk.as_jax_function(f)), tuple(map(jnp.asarray, args)), 2, ["fwd", "rev"])


# JAX's transformations, against the same function in JAX


def ours(x: Any) -> Any:
    return np.sum(np.sin(x) * x[0] ** 2 / np.sqrt(1 + x @ x))


def theirs(x: Any) -> Any:
    return jnp.sum(jnp.sin(x) * x[0] ** 2 / jnp.sqrt(1 + x @ x))


def stacked(x: Any) -> Any:
    return jnp.stack([x, 2 * x, x * x, x + 1])


def transposed(f: Any) -> Any:
    return lambda x: jax.linear_transpose(lambda v: jax.jvp(f, (x,), (v,))[1], x)(2.0)


def descent(f: Any) -> Any:
    """Three steps within a loop that JAX compiles, and its derivative."""

    def after(x: Any) -> Any:
        step = lambda x, _: (x - 0.1 * jax.grad(f)(x), f(x))  # noqa: E731
        return jnp.sum(jax.lax.scan(step, x, None, length=3)[1])

    return jax.grad(after)


TRANSFORMATIONS: dict[str, Any] = {
    "value and gradient": jax.value_and_grad,
    "jacrev": jax.jacrev,
    "jacfwd": jax.jacfwd,
    "hessian": jax.hessian,
    "reverse over reverse": lambda f: jax.jacrev(jax.jacrev(f)),
    "forward over forward": lambda f: jax.jacfwd(jax.jacfwd(f)),
    "reverse over forward": lambda f: jax.jacrev(jax.jacfwd(f)),
    "third": lambda f: jax.hessian(jax.grad(f)),
    "jvp": lambda f: lambda x: jax.jvp(f, (x,), (x * 2,)),
    "linearize": lambda f: lambda x: jax.linearize(f, x)[1](x),
    "transpose": transposed,
    "checkpoint": lambda f: jax.grad(jax.checkpoint(lambda x: f(x * x) ** 2)),
    "per sample": lambda f: lambda x: jax.vmap(jax.grad(f))(stacked(x)),
    "of a batch": lambda f: jax.grad(lambda x: jnp.prod(jax.vmap(f)(stacked(x)))),
    "batch of batches": lambda f: lambda x: jax.vmap(jax.vmap(f))(stacked(x).reshape(2, 2, 3)),
    "another axis": lambda f: lambda x: jax.vmap(f, in_axes=1)(stacked(x).T),
    "batch of nothing": lambda f: lambda x: jax.vmap(jax.grad(f))(stacked(x)[:0]),
    "loop": descent,
    "branch": lambda f: jax.grad(lambda x: jax.lax.cond(x[0] > 0, f, lambda x: x[0], x)),
}  # fmt: skip


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_transformations(double: None, name: str) -> None:
    transform, x = TRANSFORMATIONS[name], jnp.asarray(random(3))
    program = transform(dk.as_jax_function(ours))
    wanted = jax.tree.leaves(jax.jit(transform(theirs))(x))
    for found in (program(x), jax.jit(program)(x)):
        for got, want in zip(jax.tree.leaves(found), wanted, strict=True):
            assert (got.shape, got.dtype) == (want.shape, want.dtype)
            np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)


def test_a_batch_with_shared_weights(double: None) -> None:
    f = dk.as_jax_function(lambda w, x, n: np.tanh(w @ x) ** n)
    w, x = jnp.asarray(random(2, 3)), jnp.asarray(random(3, 5))
    batched = lambda w: jax.vmap(lambda x: f(w, x, 2), in_axes=1, out_axes=1)(x)  # noqa: E731
    want = lambda w: jnp.tanh(w @ x) ** 2  # noqa: E731
    np.testing.assert_allclose(batched(w), want(w), rtol=1e-12)
    np.testing.assert_allclose(jax.jacrev(batched)(w), jax.jacrev(want)(w), rtol=1e-10, atol=1e-14)


# Dtypes and arguments


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("dtypes", "result"),
    [
        (("float32",), "float32"),
        (("float16",), "float16"),
        (("bfloat16",), "bfloat16"),
        (("float32", "int32"), "float32"),
        (("complex64",), "complex64"),
        (("float32", "complex64"), "complex64"),
    ],
)
def test_the_precision_of_what_is_given_is_returned(
    dtypes: Any, result: str, compiled: bool
) -> None:
    """Without a word of JAX about truncated dtypes, as warnings are errors here."""
    seen = []

    def f(*args: Any) -> Any:
        seen.extend([a.dtype for a in args])
        return np.sum(np.stack([np.prod(a) for a in args]))

    layer = dk.as_jax_function(f)
    args = [jnp.asarray(random(3)).astype(dtype) for dtype in dtypes]
    active = tuple(k for k, dtype in enumerate(dtypes) if "int" not in dtype)
    slope = jax.grad(lambda *args: jnp.abs(layer(*args)), argnums=active)
    if compiled:
        layer, slope = jax.jit(layer), jax.jit(slope)
    y = layer(*args)
    assert y.dtype == result
    assert {d for d in seen if d.kind != "i"} <= {np.dtype(float), np.dtype(complex)}
    assert [g.dtype for g in slope(*args)] == [args[k].dtype for k in active]
    want = sum(np.prod(np.asarray(a).astype(complex)) for a in args)
    np.testing.assert_allclose(np.asarray(y).astype(complex), want, rtol=1e-2)


def test_double_precision_inside_and_without_a_global_setting() -> None:
    """In single precision the difference would be 0."""
    f = dk.as_jax_function(lambda x: (1.0 + x * 1e-12) - 1.0)
    for program in (f, jax.jit(f)):
        np.testing.assert_allclose(program(jnp.float32(3.0)), 3e-12, rtol=1e-3)
    assert f(jnp.float32(3.0)).dtype == jnp.float32
    assert not jax.config.jax_enable_x64


def test_constants() -> None:
    """NumPy's arrays, numbers, texts and whole numbers are not differentiated."""
    data = random(3)

    def f(x: Any, scale: Any, how: str, rows: Any, table: Any) -> Any:
        assert table is data
        return scale * {"sum": np.sum}[how](x[rows] ** 2 * table)

    layer = dk.as_jax_function(f)
    x, rows = jnp.asarray([1.0, 2.0, 3.0]), jnp.asarray([0, 2, 0])
    want = [2 * 1.5 * (data[0] + data[2]) * 1.0, 0.0, 2 * 1.5 * data[1] * 3.0]
    for scale in (1.5, np.float64(1.5)):
        slope = lambda x, scale=scale: jax.grad(layer)(x, scale, "sum", rows, data)  # noqa: E731
        np.testing.assert_allclose(slope(x), want, rtol=1e-6)
        np.testing.assert_allclose(jax.jit(slope)(x), want, rtol=1e-6)
    slope = jax.grad(layer, argnums=1)(x, 1.5, "sum", rows, data)
    np.testing.assert_allclose(slope, data[0] + 9 * data[1] + data[2], rtol=1e-6)


def test_arguments_without_arrays() -> None:
    f = dk.as_jax_function(lambda x, n: np.sum(x**n))
    assert f(np.ones(3), 2) == 3.0
    assert f(np.ones(3), 2).dtype == jnp.float32


def test_real_parts(double: None) -> None:
    """The derivative in a real argument is real, whichever backend has multiplied."""
    z, a = jnp.asarray([1 + 2j, 3 - 1j]), jnp.asarray([2.0, 0.5])
    for backend in ("reverse", "forward"):
        f = dk.as_jax_function(lambda z, a: a * z**2, backend=backend)
        slope = jax.grad(lambda z, a, f=f: jnp.abs(f(z, a)).sum(), argnums=1)(z, a)
        np.testing.assert_allclose(slope, np.abs(z) ** 2, rtol=1e-12)


def test_f_may_write_into_its_arguments(double: None) -> None:
    def writes(x: Any) -> Any:
        x[0] = x[1] * 3
        return np.sum(x * x)

    x = jnp.asarray([1.0, 2.0, 3.0])
    for program in (jax.grad(dk.as_jax_function(writes)), jax.jit(dk.as_jax_function(writes))):
        program(x)
    np.testing.assert_array_equal(x, [1.0, 2.0, 3.0])
    np.testing.assert_allclose(jax.grad(dk.as_jax_function(writes))(x), [0.0, 40.0, 6.0])


# The shape of the result


def picky(x: Any) -> Any:
    if np.any(x < 10):
        raise ValueError("x must be at least 10")
    return np.sqrt(x - 10)


def test_a_shape_that_cannot_be_found_is_asked_for() -> None:
    x = jnp.asarray([11.0, 14.0])
    want = np.diag([0.5, 0.25])
    np.testing.assert_allclose(jax.jacrev(dk.as_jax_function(picky))(x), want)  # at numbers
    with pytest.raises(ShapeError, match=r"x must be at least 10.*result="):
        jax.jit(dk.as_jax_function(picky))(x)
    for example in (np.zeros(2), [1, 2], jax.ShapeDtypeStruct((2,), jnp.float32)):
        slope = jax.jit(jax.jacrev(dk.as_jax_function(picky, result=example)))
        np.testing.assert_allclose(slope(x), want)


def test_a_shape_is_found_where_random_matrices_will_not_do() -> None:
    f = dk.as_jax_function(lambda a: np.sum(np.log(np.diag(np.linalg.cholesky(a)))))
    slope = jax.jit(jax.grad(f))(4 * jnp.eye(3))
    np.testing.assert_allclose(slope, np.eye(3) / 8, rtol=1e-6)  # half the inverse


@pytest.mark.parametrize("compiled", [False, True])
def test_another_shape_than_expected(compiled: bool) -> None:
    f = dk.as_jax_function(lambda x: x[x > 0.5], result=np.zeros(2))
    program = jax.jit(f) if compiled else f
    np.testing.assert_allclose(program(jnp.asarray([1.0, 0.0, 2.0])), [1.0, 2.0])
    with pytest.raises(Exception, match=r"ShapeError|f returned real numbers of shape \(1,\)"):
        jax.block_until_ready(program(jnp.asarray([1.0, 0.0, 0.0])))


def test_complex_numbers_where_real_ones_were_expected() -> None:
    f = dk.as_jax_function(lambda x: x * 1j, result=0.0)
    with pytest.raises(ShapeError, match="complex numbers of shape"):
        f(jnp.asarray(1.0))
    real = dk.as_jax_function(lambda x: x, result=0j)
    assert real(jnp.asarray(1.0)).dtype == jax.jit(real)(jnp.asarray(1.0)).dtype == jnp.complex64


# Errors


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_outside_of_the_domain() -> None:
    """The value is NumPy's NaN; a gradient there is refused."""
    f, x = dk.as_jax_function(lambda x: np.sum(np.log(x))), jnp.asarray([-1.0, 2.0])
    assert jnp.isnan(f(x))
    with pytest.raises(DomainError, match="inside the domain"):
        jax.grad(f)(x)
    with pytest.raises(Exception, match=r"DomainError: f\(x\) = nan is not finite"):
        jax.block_until_ready(jax.jit(jax.grad(f))(x))


@pytest.mark.parametrize("backend", ["finite_difference", "complex_step", "symbolic", "forward"])
def test_other_backends(double: None, backend: str) -> None:
    x = jnp.asarray(random(3))
    f = dk.as_jax_function(ours, backend=backend)
    np.testing.assert_allclose(jax.grad(f)(x), jax.grad(theirs)(x), rtol=1e-8, atol=1e-9)
    if backend == "forward":
        np.testing.assert_allclose(jax.hessian(f)(x), jax.hessian(theirs)(x), rtol=1e-11)
        return
    with pytest.raises(UnsupportedError, match="backend='reverse' or backend='forward'"):
        jax.hessian(f)(x)


def test_what_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'reverse'"):
        dk.as_jax_function(np.sin, backend="revers")
    with pytest.raises(TypeError, match="must be callable, got str"):
        dk.as_jax_function("sin(x)")
    with pytest.raises(NonNumericError, match="is a `return` missing"):
        dk.as_jax_function(lambda x: None)(jnp.ones(2))
    with pytest.raises(UnsupportedError, match="would call JAX from within JAX"):
        dk.as_jax_function(np.sin, backend="jax")


def test_without_jax(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'diffkit\[jax\]'"):
        dk.as_jax_function(np.sin)


# Machines

ON_ONE_PROCESSOR = """
import os
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import jax, jax.numpy as jnp, numpy as np, diffkit as dk
f = dk.as_jax_function(lambda x, w: np.sin(x) * w)
program = jax.jit(jax.grad(lambda x, w: jnp.sum(f(f(jnp.cos(x), w), w))))
x = jnp.linspace(0.0, 1.0, 1_000_000)
for k in range(3):
    y = jax.block_until_ready(program(x + k, x))
c = np.cos(2 + np.linspace(0.0, 1.0, 1_000_000))
w = np.linspace(0.0, 1.0, 1_000_000)
s = -np.sqrt(1 - c * c) * np.cos(c) * w * np.cos(np.sin(c) * w) * w
print(float(np.max(np.abs(y - s))) < 1e-5)
"""

ON_TWO_DEVICES = """
import jax, jax.numpy as jnp, numpy as np, diffkit as dk
from jax.sharding import Mesh, NamedSharding, PartitionSpec
assert len(jax.devices()) == 2
halves = NamedSharding(Mesh(np.array(jax.devices()), ("i",)), PartitionSpec("i"))
x = jax.device_put(jnp.arange(8.0), halves)
f = dk.as_jax_function(lambda x: np.cumsum(x) * x)
program = lambda f: jax.jit(jax.grad(lambda x: jnp.sum(jnp.sin(f(2 * x) + 1) * x)))
print(np.allclose(program(f)(x), program(lambda x: jnp.cumsum(x) * x)(x), rtol=1e-4, atol=1e-4))
"""


@pytest.mark.parametrize(
    ("program", "flags"),
    [(ON_ONE_PROCESSOR, ""), (ON_TWO_DEVICES, "--xla_force_host_platform_device_count=2")],
    ids=["one processor", "two devices"],
)
def test_other_machines(program: str, flags: str) -> None:
    """JAX's own pure_callback hangs on one processor, as soon as arrays are large."""
    env = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=env, capture_output=True, text=True, timeout=100
    )
    assert done.stdout == "True\n", done.stderr
