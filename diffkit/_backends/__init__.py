"""The ways of differentiating, one file each."""

from .base import OPERATORS, Backend
from .registry import Backends, backends, resolve

__all__ = ["OPERATORS", "Backend", "Backends", "backends", "resolve"]
