"""Operations on whole matrices as instructions: what ``code`` is for elements.

The functions of ``numpy.linalg`` are generalised ufuncs within Python, whose loops take stacks of
matrices; they are called at their addresses, with the strides that NumPy itself would pass. Where a
matrix is singular such a loop fills its result with NaN, sets a flag, and NumPy raises LinAlgError:
here the replay is given up, and what happens then is up to the rule itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from ....rules import RULES, Primitive, lapack, linalg
from ....rules import products as products  # declares np.matmul
from ...recording import OUTPUT
from ..inner_loops import inner_loop
from ..program import Node
from . import loops, matrix_loops
from .code import Code, Coder, NotInstruction, Writer, joined_axes


@cache
def writers() -> dict[Primitive, Writer]:
    """What writes the instructions for a primitive."""
    named: dict[Primitive, str] = {
        RULES[np.linalg.inv]: "inv",
        linalg.solve_columns: "solve",
        linalg.cholesky_lower: "cholesky_lo",
    }
    return {
        **{rule: _of_numpy(name) for rule, name in named.items()},
        RULES[np.matmul]: _product,
        RULES[np.linalg.det]: _determinant,
        RULES[np.linalg.slogdet]: _slogdet,
        OUTPUT: _output,
        linalg.transposed_inverse: _transposed_inverse,
        linalg.ill_conditioned: _ill_conditioned,
        linalg.vanishing: _vanishing,
        RULES[np.expand_dims]: _number_as_array,
        RULES[np.broadcast_to]: _number_as_array,
    }


def _numpys(name: str) -> Any:
    """The ufunc of ``numpy.linalg`` of a name; None where this NumPy has it not."""
    found = getattr(getattr(np.linalg, "_umath_linalg", None), name, None)
    return found if isinstance(found, np.ufunc) else None


def _of_numpy(name: str) -> Writer:
    return lambda coder, k, node, out: generalised(coder, _numpys(name), k, node, out)


def _core(ufunc: np.ufunc) -> list[list[str]]:
    """The names of the dimensions of each operand and of the result."""
    parts = (ufunc.signature or "").replace("->", ",").replace("?", "")[1:-1].split("),(")
    return [[name for name in part.split(",") if name] for part in parts]


def generalised(coder: Coder, ufunc: Any, k: int, node: Node, out: Any) -> Code:
    """A generalised ufunc of doubles, on one matrix or a stack of them."""
    loop = ufunc and inner_loop(ufunc, "d" * ufunc.nin + "->d")
    if loop is None:
        raise NotInstruction
    core = _core(ufunc)
    arrays = [
        _of_axes(coder, n, len(names)) for n, names in zip(node.operands, core[:-1], strict=True)
    ]
    ends = [a.shape[a.ndim - len(names) :] for a, names in zip(arrays, core[:-1], strict=True)]
    sizes = {name: n for end, names in zip(ends, core[:-1], strict=True)
             for name, n in zip(names, end, strict=True)}  # fmt: skip
    stack = node.shape[: len(node.shape) - len(core[-1])]
    if 0 in (*stack, *sizes.values()):
        raise NotInstruction
    places = [coder._array(a, stack + end) for a, end in zip(arrays, ends, strict=True)]
    places.append(coder._result(k, out)[0])
    count, apart = _one_axis(stack, [strides for _, strides, _ in places])
    inner = [step for (_, strides, _), names in zip(places, core, strict=True)
             for step in strides[len(strides) - len(names) :]]  # fmt: skip
    if any(kind != "d" for _, _, kind in places) or len(sizes) >= matrix_loops.DIMENSIONS:
        raise NotInstruction
    looked_at = 0 if ufunc is np.matmul else count
    return _instruction(
        matrix_loops.GENERALISED, loop.address, loop.data, len(places), 1 + len(sizes),
        len(apart) + len(inner), places[-1][0], looked_at, apart[-1],
        count, *sizes.values(), *apart, *inner, *[at for at, _, _ in places],
    )  # fmt: skip


def _product(coder: Coder, k: int, node: Node, out: Any) -> Code:
    """The products of two stacks of matrices."""
    return generalised(coder, np.matmul, k, node, out)


def _of_axes(coder: Coder, n: int, least: int) -> Any:
    """The array of a node, which has so many axes at least."""
    array = coder.arrays.get(n)
    if array is None or array.ndim < least:
        raise NotInstruction
    return array


def _instruction(kind: int, *words: int) -> Code:
    run = matrix_loops.run_matrix()
    return [loops.MATRIX, 4 + len(words), run, kind, *words]


def _one_axis(stack: tuple[int, ...], strides: Sequence[tuple[int, ...]]) -> Any:
    """The number of matrices, and for each array how far apart they are."""
    axes = joined_axes(stack, [s[: len(stack)] for s in strides])
    if len(axes) > 1:
        raise NotInstruction
    return axes[0] if axes else (1, (0,) * len(strides))


def _factors(coder: Coder, n: int) -> tuple[Code, list[int], lapack.Routines]:
    """The instruction that factorises a matrix, the addresses of what it needs and makes, and
    LAPACK's routines. For the same node it is the same instruction: see ``without_repeats``."""
    a, made = _of_axes(coder, n, 2), lapack.routines()
    if made is None or a.ndim != 2 or not a.size:
        raise NotInstruction
    at, (row, column), kind = coder._array(a, a.shape)
    if kind != "d":
        raise NotInstruction
    if n not in coder.factors:
        coder.factors[n] = lapack.Workspace(len(a)), np.empty_like(a)
    space, factors = coder.factors[n]
    memory = [*space.addresses, factors.ctypes.data]
    integers, pivots, _, to = memory
    code = _instruction(matrix_loops.FACTORISED, made.getrf, integers, pivots, at, row, column, to)
    return code, memory, made


def without_repeats(codes: Sequence[Code]) -> list[Code]:
    """What is run in this order, without factorising the same matrix twice."""
    found: set[tuple[int, ...]] = set()
    kept = []
    for code in codes:
        if code[:1] == [loops.MATRIX] and code[3] == matrix_loops.FACTORISED:
            first = tuple(code[: code[1]])
            kept.append(code[code[1] :] if first in found else code)
            found.add(first)
        else:
            kept.append(code)
    return kept


def _determinant(coder: Coder, k: int, node: Node, out: Any) -> Code:
    try:
        code, (integers, pivots, _, factors), made = _factors(coder, node.operands[0])
    except NotInstruction:
        return generalised(coder, _numpys("det"), k, node, out)
    to = coder._result(k, out)[0][0]
    return [*code, *_instruction(
        matrix_loops.DETERMINANT, integers, pivots, factors, made.integer, made.log, made.exp, to, 0
    )]  # fmt: skip


def _slogdet(coder: Coder, k: int, node: Node, out: Any) -> Code:
    """Of one matrix, where nobody takes the results but one by one."""
    takers = [taker for taker in coder.nodes if k in taker.operands]
    if any(t.rule is not OUTPUT or type(t.value) is not float for t in takers):
        raise NotInstruction
    code, (integers, pivots, _, factors), made = _factors(coder, node.operands[0])
    parts = coder.parts[k] = np.empty(2)
    sign = parts.ctypes.data
    return [*code, *_instruction(
        matrix_loops.DETERMINANT, integers, pivots, factors, made.integer, made.log, made.exp,
        sign + 8, sign,
    )]  # fmt: skip


def _output(coder: Coder, k: int, node: Node, out: Any) -> Code:
    """One of several results."""
    whole, index = node.operands
    if whole not in coder.parts or not coder.is_number(k):
        raise NotInstruction
    at = coder.parts[whole].ctypes.data + 8 * coder.nodes[index].value
    return coder._copy((), at, (), coder._number(k)[0], ())


def _transposed_inverse(coder: Coder, k: int, node: Node, out: Any) -> Code:
    if out is None:
        raise NotInstruction
    try:
        code, memory, made = _factors(coder, node.operands[0])
    except NotInstruction:  # as in the rule
        return generalised(coder, _numpys("inv"), k, node, np.swapaxes(out, -1, -2))
    to, _, kind = coder._array(out, out.shape)
    if kind != "d" or not out.flags.c_contiguous:
        raise NotInstruction
    return [*code, *_instruction(matrix_loops.INVERSE, made.getri, *memory, to)]


def _ill_conditioned(coder: Coder, k: int, node: Node, out: Any) -> Code:
    arrays = [_of_axes(coder, n, 2) for n in node.operands]
    shape = arrays[0].shape
    if 0 in shape or not coder.is_number(k):
        raise NotInstruction
    (a, a_steps, of_a), (b, b_steps, of_b) = [coder._array(v, shape) for v in arrays]
    if of_a + of_b != "dd":
        raise NotInstruction
    count, (next_a, next_b) = _one_axis(shape[:-2], [a_steps, b_steps])
    sums = np.empty(shape[-1])
    coder.kept.append(sums)
    return _instruction(
        matrix_loops.ILL_CONDITIONED, linalg.CONDITION, count, shape[-1], sums.ctypes.data,
        a, next_a, *a_steps[-2:], b, next_b, *b_steps[-2:], coder._number(k)[0],
    )  # fmt: skip


def _vanishing(coder: Coder, k: int, node: Node, out: Any) -> Code:
    (n,) = node.operands
    array = coder.arrays.get(n)
    if array is not None and not array.flags.c_contiguous:
        raise NotInstruction
    at, _, kind = coder._place(n, () if array is None else array.shape)
    if kind != "d" or not coder.is_number(k):
        raise NotInstruction
    count = 1 if array is None else array.size
    return _instruction(matrix_loops.ANY_ZERO, at, count, coder._number(k)[0])


def _number_as_array(coder: Coder, k: int, node: Node, out: Any) -> Code:
    """A number as an array, of one element or of many."""
    if out is None or coder.arrays.get(node.operands[0]) is not None:
        raise NotInstruction
    return coder._copied(out, node.operands[0])
