"""What a recording was made for: the types, shapes and structure of arguments and results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from types import ModuleType
from typing import Any

import numpy as np

from ..recording import numeric

NESTS = (tuple, list, dict)


@dataclass(frozen=True)
class Leaf:
    """A number, an array, or something that must stay as it is.

    Attributes:
        kind: its type.
        value: the value at the recorded point; of a constant array a copy.
        constant: whether another value needs another recording.
    """

    kind: type
    value: Any
    constant: bool

    @property
    def shape(self) -> tuple[int, ...]:
        return getattr(self.value, "shape", ())

    @property
    def size(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True)
class Argument:
    """One argument.

    Attributes:
        leaves: its leaves; one where it is no nest.
        structure: the structure of a nest, None where it is none.
    """

    leaves: tuple[Leaf, ...]
    structure: Any = None


@dataclass(frozen=True)
class Signature:
    """The arguments that a recording holds for.

    Attributes:
        arguments: all of them, in order.
    """

    arguments: tuple[Argument, ...]

    @property
    def leaves(self) -> Iterator[Leaf]:
        """The leaves that are inputs of the program."""
        return (leaf for a in self.arguments for leaf in a.leaves if not leaf.constant)

    def inputs(self, arguments: Sequence[Any]) -> list[Any]:
        """The values of the inputs, as a recording takes them."""
        return [
            numeric(value)
            for argument, given in zip(self.arguments, arguments, strict=True)
            for leaf, value in zip(argument.leaves, leaves_of(given), strict=True)
            if not leaf.constant
        ]

    def arguments_with(self, inputs: Sequence[Any]) -> list[Any]:
        """The arguments with other inputs, tracers say."""
        given = iter(inputs)
        rebuilt = []
        for argument in self.arguments:
            values = [leaf.value if leaf.constant else next(given) for leaf in argument.leaves]
            rebuilt.append(values[0] if argument.structure is None
                           else unflatten(argument.structure, values))  # fmt: skip
        return rebuilt


def signature_of(arguments: Sequence[Any], active: set[int], others: bool) -> Signature:
    """What arguments look like.

    Args:
        arguments: all of them.
        active: the places of those that are differentiated, or multiplied with.
        others: whether floats and arrays of floats among the others are inputs too, so that they
            may change from call to call.

    Raises:
        TypeError: an argument is an object that may change without becoming another.
    """
    return Signature(tuple([
        Argument(
            tuple([_leaf(v, k in active, others) for v in leaves_of(argument)]),
            structure_of(argument) if isinstance(argument, NESTS) else None,
        )
        for k, argument in enumerate(arguments)
    ]))  # fmt: skip


def _leaf(value: Any, active: bool, others: bool) -> Leaf:
    number = isinstance(value, (float, int, complex, np.number)) and not isinstance(value, bool)
    # A function may treat numbers and arrays of a class of their own otherwise than a tracer.
    real = type(value) is np.ndarray and value.dtype.kind in "fc"
    if active and (number or isinstance(value, np.ndarray)):
        return Leaf(type(value), value, constant=False)
    if others and (type(value) in (float, np.float64) or real):
        return Leaf(type(value), value, constant=False)
    if not _is_told_by_value(value):
        raise TypeError(f"an argument of type {type(value).__name__} may change unnoticed")
    kept = value.copy(order="K") if isinstance(value, np.ndarray) else value
    return Leaf(type(value), kept, constant=True)


def _is_told_by_value(value: Any) -> bool:
    """Whether an object that is the same, or equal to what it was, has not changed."""
    if value is None or value is ... or isinstance(value, (np.ndarray, ModuleType)):
        return True
    by_value: Any = type(value).__hash__
    return callable(value) or by_value not in (None, object.__hash__)


def leaves_of(argument: Any) -> list[Any]:
    """The leaves of a nest; anything else is its own leaf."""
    if not isinstance(argument, NESTS):
        return [argument]
    import optree

    return list(optree.tree_leaves(argument))


def structure_of(argument: Any) -> Any:
    """The structure of a nest."""
    import optree

    return optree.tree_structure(argument)


def unflatten(structure: Any, leaves: Sequence[Any]) -> Any:
    """The nest of that structure."""
    import optree

    return optree.tree_unflatten(structure, leaves)


def plain_nest(structure: Any) -> Any:
    """The nest of the leaves' numbers, where it consists of tuples, lists and dicts alone; None
    where it does not."""
    nest = unflatten(structure, range(structure.num_leaves))
    return nest if _is_plain(nest) else None


def _is_plain(nest: Any) -> bool:
    if type(nest) is dict:
        return all(map(_is_plain, nest.values()))
    return type(nest) is int or (type(nest) in (tuple, list) and all(map(_is_plain, nest)))


def taken_apart(structure: Any) -> Callable[[Any], list[Any] | None]:
    """A function that gives the leaves of a nest, or None where it has another structure."""
    import optree

    def leaves(argument: Any) -> list[Any] | None:
        if not isinstance(argument, NESTS):
            return None
        found, given = optree.tree_flatten(argument)
        return list(found) if given == structure else None

    return leaves


def same(value: Any, recorded: Any) -> bool:
    """Whether a constant argument is what it was."""
    if type(value) is not type(recorded):
        return False
    if isinstance(value, np.ndarray):
        return value.dtype == recorded.dtype and np.array_equal(value, recorded)
    try:
        return bool(value == recorded)
    except Exception:  # whatever it is, it does not compare
        return False
