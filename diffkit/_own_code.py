"""A user's own function by its name: ``module:function`` or ``file.py:function``.

Importing a module executes it. That happens here only, and only to what was named so.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from .errors import OwnCodeError, UnknownNameError


def load(name: str) -> Callable[..., Any]:
    """The function of that name, whose module or file is imported.

    A module is looked for where Python looks, and then in the current folder; what a file imports,
    in the folder of the file.

    Raises:
        OwnCodeError: there is no such module or file, importing it fails, or the name is no
            function.
        UnknownNameError: the module has nothing of that name.
    """
    where, _, attribute = name.rpartition(":")
    if not where or not attribute.isidentifier():
        raise OwnCodeError(
            f"{name!r} is not module:function nor file.py:function, such as mine.py:f"
        )
    module = _file(Path(where)) if where.endswith(".py") else _module(where)
    if not hasattr(module, attribute):
        public = [key for key, value in vars(module).items() if callable(value)]
        raise UnknownNameError(f"function of {where}", attribute, public)
    found = getattr(module, attribute)
    if not callable(found):
        raise OwnCodeError(
            f"{attribute!r} of {where!r} is of type {type(found).__name__}, not a function"
        )
    return found


def _module(name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise OwnCodeError(f"{name!r} is not the name of a module; name a file as {name}.py:f")
    _look_in(Path.cwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            raise OwnCodeError(
                f"there is no module {name!r}; name a file with its .py, such as {name}.py:f"
            ) from None
        raise _failed(name, error) from error
    except (Exception, SystemExit) as error:
        raise _failed(name, error) from error


def _file(path: Path) -> ModuleType:
    if not path.is_file():
        raise OwnCodeError(f"there is no file {str(path)!r}")
    _look_in(path.resolve().parent)
    spec = importlib.util.spec_from_file_location(f"diffkit_own_{path.stem}", path)
    assert spec is not None  # for a name that ends in .py
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickling look a module up by its name
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[spec.name]
        raise _failed(str(path), error) from error
    return module


def _look_in(folder: Path) -> None:
    # Last, so that a file there never stands in for a package that diffkit imports later.
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _failed(name: str, error: BaseException) -> OwnCodeError:
    return OwnCodeError(f"importing {name!r} failed: {type(error).__name__}: {error}")
