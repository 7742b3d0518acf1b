"""Distributions of other packages, as pip would have installed them."""

from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path

import pytest


class Packages:
    """A folder on the import path into which packages are installed.

    What is imported from it is forgotten at the end.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        monkeypatch.syspath_prepend(folder)

    def install(
        self,
        name: str,
        code: str = "",
        *,
        backends: str = "",
        experiments: str = "",
        version: str = "1.0",
    ) -> Path:
        """A package of one module, and what it offers: a line ``name = module:attribute``.

        Another version replaces it.
        """
        for old in self.folder.glob(f"{name}-*.dist-info"):
            shutil.rmtree(old)
        file = self.folder / f"{name}.py"
        file.write_text(code, encoding="utf-8")
        sys.modules.pop(name, None)
        info = self.folder / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(
            f"[diffkit.backends]\n{backends}\n[diffkit.experiments]\n{experiments}\n"
        )
        importlib.invalidate_caches()
        return file

    def forget(self) -> None:
        """Forget the modules, and the backends that were made of them."""
        from diffkit._backends import registry

        registry._made.cache_clear()
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if file and Path(file).is_relative_to(self.folder):
                del sys.modules[name]
