"""Messages between parent and child: JSON behind its length, and nothing that can execute.

JSON has no NaN, no infinity and no complex numbers, and Python refuses to write integers of many
digits in decimals. Those travel as an object of one key that begins with "$"; a user's dict with
such a key travels as its pairs. Finite floats are written by repr, which is exact.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

_MARK = b"dkg1"
HEADER = len(_MARK) + 8
# Python's own limit on decimal digits can be set as low as 640, which is 2126 bits.
_DECIMAL_BITS = 2000


class ProtocolError(Exception):
    """What came through the pipe is not a message."""


def encode(value: Any) -> str:
    """``value`` as JSON in ASCII, exactly. Raises TypeError for what cannot travel."""
    return _encoder.encode(_plain(value))


def decode(text: str) -> Any:
    """The value in a text of `encode`. Raises ValueError where it is none."""
    return _decoder.decode(text) if '"$' in text else json.loads(text)


def frame(message: Mapping[str, Any]) -> bytes:
    """The bytes of a message. Raises TypeError for what cannot travel."""
    text = encode(message).encode("ascii")
    return _MARK + len(text).to_bytes(8, "big") + text


def length(header: bytes | bytearray) -> int:
    """How many bytes follow this header."""
    if header[: len(_MARK)] != _MARK:
        raise ProtocolError("the pipe of results holds something else")
    return int.from_bytes(header[len(_MARK) : HEADER], "big")


def message(body: bytes | bytearray) -> dict[str, Any]:
    """The message in these bytes."""
    try:
        found = decode(body.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise ProtocolError("a message cannot be read") from error
    if not isinstance(found, dict):
        raise ProtocolError("a message is not an object")
    return found


def _plain(value: Any) -> Any:
    """``value`` in JSON's terms; tuples and arrays become lists."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value) if value.bit_length() <= _DECIMAL_BITS else {"$int": hex(value)}
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"$float": repr(float(value))}
    if isinstance(value, complex):
        return {"$complex": [_plain(value.real), _plain(value.imag)]}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (dict, Mapping)):  # the first for speed
        return _plain_mapping(value)
    return _plain_array(value)


def _plain_mapping(value: Mapping[Any, Any]) -> Any:
    for key in value:
        if not isinstance(key, str):
            raise TypeError(f"the key {key!r} is not a string; use strings as keys")
    items = {key: _plain(item) for key, item in value.items()}
    if any(key.startswith("$") for key in items):
        return {"$dict": list(items.items())}
    return items


def _plain_array(value: Any) -> Any:
    """NumPy's arrays and scalars, known by their method so that NumPy need not be loaded."""
    listed = value.tolist() if hasattr(value, "dtype") and hasattr(value, "tolist") else value
    if type(listed) is type(value):
        raise TypeError(
            f"a value of type {type(value).__name__} cannot travel; "
            "use numbers, strings, lists, dicts or NumPy arrays of numbers"
        )
    return _plain(listed)


def _restored(found: dict[str, Any]) -> Any:
    if len(found) != 1:
        return found
    match found:
        case {"$int": str(digits)}:
            return int(digits, 16)
        case {"$float": str(name)}:
            return float(name)
        case {"$complex": [real, imaginary]}:
            return complex(real, imaginary)
        case {"$dict": list(items)}:
            return dict(items)
    return found


_encoder = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
_decoder = json.JSONDecoder(object_hook=_restored)
