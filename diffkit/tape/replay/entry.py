"""The function that a prepared derivative calls: it checks its arguments, runs a plan, and checks
the results.

It is generated for the arguments that were recorded, because on a small function everything
around the arithmetic costs more than the arithmetic: a type check written out takes 30 ns, and
a loop over descriptions of arguments a microsecond. It returns MISS where the recording does not
hold, or where anything is not finite; the caller then asks the backend itself, which knows what
to say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..recording import numeric
from .arrays.buffers import ArrayProgram
from .numbers.scalars import ScalarProgram
from .numbers.source import SELECTIONS, WITHOUT_FLOATS, on_numbers, statements
from .program import MissedBranch, is_complex
from .signature import Leaf, Signature, plain_nest, same, taken_apart, unflatten

if TYPE_CHECKING:
    from .numbers.native import NativeProgram

MISS = object()
FEW = 8  # elements up to which each is looked at by itself
PAIRS = 4  # elements up to which an array is filled one by one

Lines = list[str]


@dataclass(frozen=True)
class Results:
    """What is to be returned.

    Attributes:
        leaves: the value of f, and the leaves of its derivative.
        structure: the structure of a derivative that is a nest.
        with_value: whether the value is returned too.
    """

    leaves: tuple[Leaf, ...]
    structure: Any
    with_value: bool


class _Writer:
    """The source of one entry, and what it names."""

    def __init__(
        self, signature: Signature, unchanged: Callable[[], Any] | None, layout: bool = False
    ) -> None:
        self.layout = layout
        self.lines: Lines = []
        self.bound: dict[str, Any] = {
            "MISS": MISS, "ndarray": np.ndarray, "float64": np.float64, "numeric": numeric,
            "same": same, "total": np.add.reduce, "array": np.array,
            "empty": np.empty, "unflatten": unflatten, "MissedBranch": MissedBranch,
            "unchanged": unchanged,
        }  # fmt: skip
        self.inputs: list[tuple[str, Leaf]] = []
        self.parameters = [f"a{k}" for k in range(len(signature.arguments))]
        for name, argument in zip(self.parameters, signature.arguments, strict=True):
            if argument.structure is None:
                self._check(name, argument.leaves[0])
                continue
            names = self._take_apart(name, argument.structure)
            for part, leaf in zip(names, argument.leaves, strict=True):
                self._check(part, leaf)
        if unchanged is not None:
            self._miss("not unchanged()")

    def _miss(self, condition: str) -> None:
        self.lines += [f"if {condition}:", "    return MISS"]

    def _bind(self, value: Any) -> str:
        name = f"k{len(self.bound)}"
        self.bound[name] = value
        return name

    def _take_apart(self, name: str, structure: Any) -> list[str]:
        """The names of the leaves of a nest."""
        nest = plain_nest(structure)
        if nest is not None:
            names: dict[int, str] = {}
            self._unpack(name, nest, names)
            return [names[k] for k in range(len(names))]
        self.bound[f"leaves_{name}"] = taken_apart(structure)
        self.lines.append(f"{name} = leaves_{name}({name})")
        self._miss(f"{name} is None")
        parts = [f"{name}_{k}" for k in range(structure.num_leaves)]
        if parts:
            self.lines.append(f"{', '.join(parts)}, = {name}")
        return parts

    def _unpack(self, name: str, nest: Any, names: dict[int, str]) -> None:
        """Take a nest of tuples, lists and dicts apart without asking anybody."""
        if type(nest) is int:
            names[nest] = name
            return
        parts = [f"{name}_{k}" for k in range(len(nest))]
        if type(nest) is dict:
            self._miss(f"type({name}) is not dict or {name}.keys() != {self._bind(nest.keys())}")
            self.lines += [
                f"{part} = {name}[{self._bind(key)}]" for part, key in zip(parts, nest, strict=True)
            ]
            nest = nest.values()
        else:
            kind = type(nest).__name__
            self._miss(f"type({name}) is not {kind} or len({name}) != {len(nest)}")
            if parts:
                self.lines.append(f"{', '.join(parts)}, = {name}")
        for part, below in zip(parts, nest, strict=True):
            self._unpack(part, below, names)

    def _nest(self, nest: Any, parts: Sequence[str]) -> str:
        """The expression that puts a nest together."""
        if type(nest) is int:
            return parts[nest]
        if type(nest) is dict:
            items = [f"{self._bind(k)}: {self._nest(v, parts)}" for k, v in nest.items()]
            return f"{{{', '.join(items)}}}"
        inner = "".join([f"{self._nest(v, parts)}, " for v in nest])
        return f"({inner})" if type(nest) is tuple else f"[{inner}]"

    def _check(self, name: str, leaf: Leaf) -> None:
        """Refuse an argument that the recording does not hold for."""
        if leaf.constant:
            kept = self._bind(leaf.value)
            self._miss(f"{name} is not {kept} and not same({name}, {kept})"
                       if not isinstance(leaf.value, np.ndarray)
                       else f"not same({name}, {kept})")  # fmt: skip
            return
        kind = self._bind(leaf.kind)
        if leaf.kind is np.ndarray:
            dtype = self._bind(leaf.value.dtype)
            operator = "is not" if leaf.value.dtype is np.dtype(leaf.value.dtype.char) else "!="
            self._miss(f"type({name}) is not {kind} or {name}.shape != {leaf.shape!r} "
                       f"or {name}.dtype {operator} {dtype}"
                       + (f" or {name}.strides != {leaf.value.strides!r}" if self.layout else "")
                       )  # fmt: skip
        else:
            self._miss(f"type({name}) is not {kind}")
        if leaf.kind is np.float64 or leaf.kind is int:
            self.lines.append(f"{name} = float({name})")
        elif leaf.kind is not float and (
            not leaf.shape or getattr(leaf.value, "dtype", None) != np.float64
        ):
            self.lines.append(f"{name} = numeric({name})")
        self.inputs.append((name, leaf))

    def require_finite(self, terms: Sequence[str]) -> None:
        """Refuse NaN and infinities: their sum, less itself, is not 0."""
        if not terms:
            return
        self.lines.append(f"s = {' + '.join(terms)}")
        self._miss("s - s != 0.0")

    def function(self) -> Callable[..., Any]:
        """Compile what has been written."""
        text = "\n".join([
            f"def prepared({', '.join(self.parameters)}):",
            "    try:",
            *[f"        {line}" for line in self.lines],
            "    except (ArithmeticError, ValueError, RuntimeWarning, MissedBranch):",
            "        return MISS",
        ])  # fmt: skip
        scope = dict(self.bound)
        exec(compile(text, "<prepared derivative>", "exec"), scope)
        made: Callable[..., Any] = scope["prepared"]
        return made

    def give_back(self, names: Sequence[str], results: Results) -> None:
        """Return the results in the structure that the operator gives them."""
        value, *parts = names
        nest = None if results.structure is None else plain_nest(results.structure)
        if results.structure is None:
            derivative = parts[0]
        elif nest is not None:
            derivative = self._nest(nest, parts)
        else:
            derivative = f"unflatten({self._bind(results.structure)}, ({', '.join(parts)},))"
        pair = f"{value}, {derivative}" if results.with_value else derivative
        self.lines.append(f"return {pair}")


def from_source(
    program: ScalarProgram, signature: Signature, results: Results, unchanged: Any
) -> Callable[..., Any]:
    """The entry of plan "source": everything in one generated function."""
    writer = _Writer(signature, unchanged)
    body = on_numbers(program)
    lines, names = statements(body, program, ["if not ({}):\n            return MISS",
                                              "if {}:\n            return MISS"])  # fmt: skip
    _unpack(writer, names)
    finite = _finite_inputs(writer, names)
    writer.bound |= body.bound
    writer.lines += lines
    slots = [table.ravel().tolist() for table in program.outputs]
    returned = [names[k] for part in slots if len(part) <= FEW for k in part]
    finite += [n for n in dict.fromkeys(returned) if n[0] == "v"]
    made, sums = _numbers_given_back(writer, slots, names, results, _not_floats(program))
    writer.require_finite(finite + sums)
    writer.give_back(made, results)
    return writer.function()


def _unpack(writer: _Writer, names: list[str]) -> None:
    at = 0
    for name, leaf in writer.inputs:
        own = names[at : at + leaf.size]
        at += leaf.size
        if not leaf.shape:
            writer.lines.append(f"{own[0]} = {name}")
        elif own:
            flat = name if len(leaf.shape) == 1 else f"{name}.ravel()"
            writer.lines.append(f"{name} = {flat}.tolist()")
            writer.lines.append(f"{', '.join(own)}, = {name}")


def _finite_inputs(writer: _Writer, names: list[str]) -> list[str]:
    """The terms that tell whether the inputs are finite; taken before names are used again."""
    terms, at = [], 0
    for name, leaf in writer.inputs:
        own = names[at : at + leaf.size]
        at += leaf.size
        terms += own if leaf.size <= FEW else [f"sum({name})"]
    if not terms:
        return []
    writer.lines.append(f"t = {' + '.join(terms)}")
    return ["t"]


def _not_floats(program: ScalarProgram) -> set[int]:
    """The slots that may hold truth values or whole numbers, which NumPy would have made floats:
    what Python selects stays what it was."""
    found = {k for k, value in program.constants.items() if type(value) is not float}
    for rule, operands, slot, value in program.steps:
        loose = [k in found for k in operands]
        selected = rule.fn in SELECTIONS and any(loose)
        if type(value) is not float or selected or (rule.fn in WITHOUT_FLOATS and all(loose)):
            found.add(slot)
    return found


def _numbers_given_back(
    writer: _Writer,
    slots: list[list[int]],
    names: list[str],
    results: Results,
    not_floats: set[int],
) -> tuple[list[str], list[str]]:
    """Write the results; returns their names, and terms for what is too long to be looked at
    number by number."""
    made, sums = [], []
    for k, (part, leaf) in enumerate(zip(slots, results.leaves, strict=True)):
        name = f"r{k}"
        made.append(name)
        if k == 0 and not results.with_value and len(part) <= FEW:
            continue
        if leaf.kind is not np.ndarray:
            value = names[part[0]]
            writer.lines.append(f"{name} = float64({value})" if leaf.kind is np.float64
                                else f"{name} = float({value})" if part[0] in not_floats
                                else f"{name} = {value}")  # fmt: skip
            continue
        shaped = "" if len(leaf.shape) == 1 else f".reshape({leaf.shape!r})"
        if len(part) <= PAIRS:
            writer.lines.append(f"{name} = empty({leaf.shape!r})")
            writer.lines += [
                f"{name}[{', '.join(map(str, index))}] = {names[k]}"
                for index, k in zip(np.ndindex(leaf.shape), part, strict=True)
            ]
        else:
            writer.lines.append(f"e{k} = [{', '.join([names[n] for n in part])}]")
            writer.lines.append(f"{name} = array(e{k}, float){shaped}")
        if len(part) > FEW:
            sums.append(f"sum(e{k})")  # NumPy would warn of an overflow
    return made, sums


def from_native(
    program: NativeProgram, signature: Signature, results: Results, unchanged: Any
) -> Callable[..., Any]:
    """The entry of plan "native": a vector in, a vector out."""
    writer = _Writer(signature, unchanged)
    writer.bound |= {"run": program.finite, "flat": _flat}
    names = [_vector(name, leaf) for name, leaf in writer.inputs]
    if None in names or not names:
        given = "".join([f"{name}, " for name, _ in writer.inputs])
        writer.lines.append(f"x = flat(({given}))")
    else:
        writer.bound["joined"] = np.concatenate
        writer.lines.append(f"x = {names[0]}" if len(names) == 1 else
                            f"x = joined(({', '.join(map(str, names))}))")  # fmt: skip
    if program.hot:  # nothing will change any more
        writer.bound |= {"checked": program.checked, "at": program.address, "kept": program}
        writer.lines.append(f"y = empty({program.results})")
        writer._miss("not checked(at, x, y)")
    else:
        writer.lines.append("y = run(x)")
        writer._miss("y is None")
    made, at = [], 0
    for k, leaf in enumerate(results.leaves):
        made.append(f"r{k}")
        end = at + leaf.size
        if k or results.with_value:
            if leaf.kind is np.ndarray:
                shaped = "" if len(leaf.shape) == 1 else f".reshape({leaf.shape!r})"
                writer.lines.append(f"r{k} = y[{at}:{end}]{shaped}")
            else:
                plain = f"y[{at}]" if leaf.kind is np.float64 else f"float(y[{at}])"
                writer.lines.append(f"r{k} = {plain}")
        at = end
    writer.give_back(made, results)
    return writer.function()


def _vector(name: str, leaf: Leaf) -> str | None:
    """The expression for the elements of an array of doubles as a vector; None for others."""
    if leaf.kind is not np.ndarray or not leaf.shape or leaf.value.dtype != np.float64:
        return None
    return name if len(leaf.shape) == 1 else f"{name}.ravel()"


def _flat(values: Sequence[Any]) -> Any:
    """The elements of numbers and arrays as one vector."""
    if len(values) == 1:
        return np.array(values[0], float).reshape(-1)
    return np.concatenate([np.ravel(v) for v in values])


def _term(name: str, leaf: Leaf) -> str:
    """A number that is finite where all elements are; of Python's, which do not warn."""
    kind = "complex" if is_complex(leaf.value) else "float"
    return f"{kind}(total({name}, None))" if leaf.kind is np.ndarray else f"{kind}({name})"


def from_arrays(
    program: ArrayProgram, signature: Signature, results: Results, unchanged: Any
) -> Callable[..., Any]:
    """The entry of plan "arrays"."""
    # The order in which NumPy adds up depends on the layout of an array.
    writer = _Writer(signature, unchanged, layout=True)
    writer.bound["run"] = program
    names = [name for name, _ in writer.inputs]
    made = [f"r{k}" for k in range(len(results.leaves))]
    writer.lines.append(f"{', '.join(made)}, = run(({', '.join(names)},))")
    recorded = [program.program.nodes[k].value for k in program.program.outputs]
    places = [*range(len(names)), *program.program.outputs]
    checked = zip(places, [*writer.inputs, *zip(made, results.leaves, strict=True)], strict=True)
    writer.require_finite([_term(*one) for k, one in checked if k not in program.checks])
    writer.lines += [
        f"r{k} = {writer._bind(leaf.kind)}(r{k})" for k, leaf in enumerate(results.leaves)
        if leaf.kind is not np.ndarray and leaf.kind is not type(recorded[k])
    ]  # fmt: skip
    writer.give_back(made, results)
    return writer.function()


def from_library(
    call: Callable[[Any], list[Any] | None],
    signature: Signature,
    results: Results,
    unchanged: Any,
) -> Callable[..., Any]:
    """The entry of a derivative that another library computes.

    Args:
        call: takes the inputs, and gives the leaves of the result; None where it does not hold.
        signature, results, unchanged: as for the other entries.
    """
    writer = _Writer(signature, unchanged)
    writer.bound["run"] = call
    names = [name for name, _ in writer.inputs]
    made = [f"r{k}" for k in range(len(results.leaves))]
    writer.lines.append(f"found = run(({', '.join(names)},))")
    writer._miss("found is None")
    writer.lines.append(f"{', '.join(made)}, = found")
    checked = [*writer.inputs, *zip(made, results.leaves, strict=True)]
    writer.require_finite([_term(name, leaf) for name, leaf in checked])
    writer.lines += [
        f"r{k} = {writer._bind(leaf.kind)}(r{k})"
        for k, leaf in enumerate(results.leaves) if leaf.kind is not np.ndarray
    ]  # fmt: skip
    writer.give_back(made, results)
    return writer.function()
