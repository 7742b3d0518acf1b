"""Find the function that a task names."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from functools import reduce
from types import ModuleType
from typing import Any

# A file's module, by path, with the state of the file that it was made from.
_loaded: dict[str, tuple[tuple[int, int], ModuleType]] = {}


def function(name: str) -> Callable[..., Any]:
    """The function named ``module:function`` or ``/path/file.py:function``.

    A file is executed when it is first named, and again when it has changed since; its folder
    is put at the end of the path, so that it can import its neighbours.
    Raises whatever importing raises, and AttributeError where there is no such function.
    """
    where, _, attribute = name.rpartition(":")
    found = reduce(getattr, attribute.split("."), home(where))
    if not callable(found):
        raise TypeError(f"{name} is not a function")
    return found


def home(name: str) -> ModuleType:
    """The module of that name, or the one that the file ``/path/file.py`` makes."""
    return _from_file(name) if name.endswith(".py") else importlib.import_module(name)


def _from_file(path: str) -> ModuleType:
    folder = os.path.dirname(path)
    if folder not in sys.path:
        sys.path.append(folder)
    status = os.stat(path)
    state = (status.st_mtime_ns, status.st_size)
    if path not in _loaded or _loaded[path][0] != state:
        _loaded[path] = (state, _execute(path))
    return _loaded[path][1]


def _execute(path: str) -> ModuleType:
    # Its own name, so that a file called json.py does not stand in for json.
    spec = importlib.util.spec_from_file_location(
        f"diffkit_task_{os.path.basename(path)[:-3]}", path
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up by its name
    spec.loader.exec_module(module)
    return module
