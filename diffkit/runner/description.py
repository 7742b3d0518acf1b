"""The canonical description of a cell, and the key that is made from it.

Two cells are the same where all of this is the same: the experiment and its version, the
parameters, the methods and their versions, the dtype, the seed, and the schema of the description
itself. The description is JSON in ASCII with sorted names; floats are hexadecimal, so that NaN,
the infinities, -0.0 and 0.0 are told apart and no digit is lost. A point, a step and a method are
parameters like any other. NumPy's scalars and arrays count as the Python values that they hold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import cached_property
from json.encoder import encode_basestring_ascii
from typing import Any

import numpy as np

from diffkit.runner.experiment import Experiment
from diffkit.runner.results import plain

# Counts up where the description itself changes, and with it every key.
SCHEMA = 1
_DTYPE = "float64"
_DECIMAL_BITS = 2000  # Python refuses to write longer integers in decimals


class Describer:
    """Describes the cells of one experiment under one seed.

    version: what stands for the experiment where it declares no version of its own.
    """

    def __init__(self, experiment: Experiment, seed: int, version: str) -> None:
        self._methods = {name: self._versions[name] for name in experiment.methods}
        # Sorted by name, as `canonical` has it; only what differs from cell to cell is made anew.
        version = version if experiment.version is None else str(experiment.version)
        self._name = canonical(experiment.name)
        self._tail = f'"schema":{SCHEMA},"seed":{canonical(seed)},"version":{canonical(version)}'
        self._no_other = canonical(self._methods)

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """The description of the cell with these parameters."""
        named = self._named(parameters.values())
        methods = canonical(self._methods | named) if named else self._no_other
        return (
            f'{{"dtype":{canonical(parameters.get("dtype", _DTYPE))},"experiment":{self._name},'
            f'"methods":{methods},"parameters":{canonical(dict(parameters))},{self._tail}}}'
        )

    def _named(self, values: Iterable[Any]) -> dict[str, str]:
        """The versions of the backends that parameters name."""
        names = [value for value in values if type(value) is str and value in self._versions]
        return {name: self._versions[name] for name in names}

    @cached_property
    def _versions(self) -> Mapping[str, str]:
        return _Versions()


class _Versions(dict[str, str]):
    """The declared version of each backend, looked up once."""

    def __init__(self) -> None:
        from diffkit._backends.registry import backends

        super().__init__(dict.fromkeys(backends(), ""))
        self._backends = backends()

    def __getitem__(self, name: str) -> str:
        if not self.get(name):
            try:
                self[name] = str(getattr(self._backends[name], "version", "1"))
            except ImportError:
                self[name] = "not installed"
        return super().__getitem__(name)


def key(description: str) -> str:
    """The key of a cell: 32 hexadecimal digits of BLAKE2b over its description."""
    return hashlib.blake2b(description.encode("ascii"), digest_size=16).hexdigest()


def stream(seed: int, experiment: str, parameters: Mapping[str, Any]) -> np.random.Generator:
    """The random numbers of a cell: they depend on the seed, the experiment's name and the
    parameters alone, and not on the order of the cells or on where they are measured."""
    cell = canonical({"experiment": experiment, "parameters": dict(parameters)})
    return np.random.default_rng([seed, int(key(cell), 16)])


def canonical(value: Any) -> str:
    """JSON in ASCII with sorted names and hexadecimal floats."""
    kind = type(value)
    if kind is str:
        return encode_basestring_ascii(value)
    if kind is float:
        return f'{{"$float":"{value.hex()}"}}'
    if kind is int:
        return str(value) if value.bit_length() <= _DECIMAL_BITS else f'{{"$int":"{value:#x}"}}'
    if kind is dict:
        items = (f"{encode_basestring_ascii(k)}:{canonical(value[k])}" for k in sorted(value))
        return f"{{{','.join(items)}}}"
    if kind is tuple or kind is list:
        return f"[{','.join(map(canonical, value))}]"
    if kind is bool or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return canonical(plain(value))
