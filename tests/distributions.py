"""Distributions of other packages, as pip would have installed them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


class Packages:
    """A folder on the import path into which packages are installed.

    The modules that are imported from it are forgotten at the end.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._monkeypatch = folder, monkeypatch
        monkeypatch.syspath_prepend(folder)

    def install(
        self, name: str, code: str = "", backends: str = "", experiments: str = "", module: str = ""
    ) -> Path:
        """A package of one module, and what it offers: lines ``name = module:attribute``."""
        file = self.folder / f"{module or name}.py"
        file.write_text(code, encoding="utf-8")
        info = self.folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            f"[diffkit.backends]\n{backends}\n[diffkit.experiments]\n{experiments}\n"
        )
        self._monkeypatch.syspath_prepend(self.folder)  # which also clears what was looked up
        return file

    def forget(self) -> None:
        """Forget the modules."""
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if file and Path(file).is_relative_to(self.folder):
                del sys.modules[name]
