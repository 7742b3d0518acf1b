"""A program as Python source that a person reads: plain NumPy, one line an operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import UnsupportedError
from ...rules import arithmetic, indexing, joins, selection
from ..recording import CONSTANT, GUARD, INPUT
from .numbers.source import INFIX, literal
from .program import Node, Program

_BRANCH = "the function takes another branch here"
LARGEST = 64  # elements of an array that is written out


def listing(program: Program, name: str, inputs: Sequence[str]) -> str:
    """Source of a function of the inputs that returns the program's results.

    Args:
        program: what to write.
        name: the function's name.
        inputs: the names of the inputs.

    Raises:
        UnsupportedError: an operation has no name in NumPy, or a constant is too large to write.
    """
    names: list[str] = []
    lines = [f"def {name}({', '.join(inputs)}):"]
    count = 0
    for k, node in enumerate(program.nodes):
        if node.rule is INPUT:
            names.append(inputs[k])
        elif node.rule is CONSTANT:
            names.append("")  # written where it is used
        elif node.rule is GUARD:
            condition = names[node.operands[0]]
            test = f"not {condition}" if node.value else condition
            lines += [f"    if {test}:", f'        raise ValueError("{_BRANCH}")']
            names.append("")
        else:
            names.append(f"v{count}")
            count += 1
            given = [names[n] or _constant(program.nodes[n]) for n in node.operands]
            lines.append(f"    {names[-1]} = {_operation(node, given)}")
    results = [names[k] or _constant(program.nodes[k]) for k in program.outputs]
    return "\n".join(["import numpy as np\n\n", *lines, f"    return {', '.join(results)}", ""])


def _operation(node: Node, given: list[str]) -> str:
    rule = node.rule
    options = [f"{key}={value!r}" for key, value in node.kwargs.items()]
    if rule.fn in INFIX and not options:
        return INFIX[rule.fn].format(*given)
    if rule is arithmetic.raised:
        return f"{given[0]} ** {given[1]}"
    if rule is indexing.getitem:
        return f"{given[0]}[{', '.join(given[1:])}]"
    if rule in (joins.pile, joins.join):
        call = "np.stack" if rule is joins.pile else "np.concatenate"
        return f"{call}([{', '.join(given)}], {', '.join(options)})"
    fn = np.where if rule is selection.where else rule.fn
    return f"{_name(fn)}({', '.join([*given, *options])})"


def _name(fn: Any) -> str:
    name = getattr(fn, "__name__", "")
    for module, prefix in ((np, "np"), (np.linalg, "np.linalg"), (np.fft, "np.fft")):
        if getattr(module, name, None) is fn:
            return f"{prefix}.{name}"
    raise UnsupportedError(f"{name or fn} has no name in NumPy, so there is no source for it")


def _constant(node: Node) -> str:
    value = node.value
    if isinstance(value, np.ndarray):
        if value.size > LARGEST:
            raise UnsupportedError(
                f"a constant of shape {value.shape} is too large to be written out; pass it to "
                f"the function as an argument"
            )
        return f"np.array({value.tolist()!r}, dtype={value.dtype.name!r})"
    if isinstance(value, slice):
        parts = ["" if part is None else repr(part) for part in (value.start, value.stop)]
        return ":".join(parts) + (f":{value.step!r}" if value.step is not None else "")
    if isinstance(value, float) and not np.isfinite(value):
        return f"float({str(value)!r})"
    return literal(value)
