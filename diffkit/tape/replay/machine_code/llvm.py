"""What all texts in LLVM's assembly need: the processor, numbers, the C library."""

# llvmlite carries no types.
# mypy: ignore-errors
from __future__ import annotations

import ctypes
import ctypes.util
import functools
import struct
from typing import Any

from llvmlite import binding


def target() -> Any:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = binding.Target.from_default_triple()
    features = binding.get_host_cpu_features().flatten()
    return target.create_target_machine(
        cpu=binding.get_host_cpu_name(), features=features, opt=1, jit=True, codemodel="jitdefault"
    )


def double(value: float) -> str:
    """A constant by its bits."""
    return f"0x{struct.unpack('>Q', struct.pack('>d', value))[0]:016X}"


@functools.cache
def library(name: str) -> int:
    """The address of a function of the C library."""
    library = ctypes.CDLL(ctypes.util.find_library("m"))
    return ctypes.cast(getattr(library, name), ctypes.c_void_p).value
