"""Recording a function as a Wengert list, and sweeping over it."""

from . import arithmetic as arithmetic  # gives tracers their operators
from . import methods as methods  # and their methods
from .batched import batched_jacobian, pushed
from .memory import keep_freed_memory
from .record import record, record_many
from .recording import Recording, Tracer, gather, numeric, plain, untraced
from .sweeps import ZERO, filled, forward_sweep, reverse_sweep

keep_freed_memory()

__all__ = [
    "ZERO",
    "Recording",
    "Tracer",
    "batched_jacobian",
    "filled",
    "forward_sweep",
    "gather",
    "numeric",
    "plain",
    "pushed",
    "record",
    "record_many",
    "reverse_sweep",
    "untraced",
]
