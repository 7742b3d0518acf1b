"""The native loop; not there yet."""

from typing import Any


def available() -> bool:
    return False


def compile(scalars: Any) -> Any:
    return None


def obstacle(scalars: Any) -> str:
    return "there is no native loop"
