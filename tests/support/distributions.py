"""Distributions that a test installs: modules and metadata in a folder on ``sys.path``."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pytest

SAMPLERS = "sampler.samplers"


class Site:
    """A folder on ``sys.path``.

    Attributes:
        folder: where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def write(self, files: Mapping[str, str]) -> None:
        """Write modules; their names end in ``.py`` and may have folders."""
        for name, source in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source)
        importlib.invalidate_caches()

    def install(
        self,
        distribution: str,
        announced: Mapping[str, str],
        *,
        group: str = SAMPLERS,
        version: str = "1.0",
        files: Mapping[str, str] | None = None,
    ) -> None:
        """Install a distribution.

        Args:
            distribution: its name.
            announced: names of entry points and their references; called again for another
                group, they are added.
            group: the group of these entry points.
            version: its version.
            files: its modules.
        """
        self.write(files or {})
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir(exist_ok=True)
        text = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        (info / "METADATA").write_text(text)
        lines = [f"[{group}]", *(f"{name} = {value}" for name, value in announced.items()), ""]
        with (info / "entry_points.txt").open("a") as file:
            file.write("\n".join(lines))
        importlib.invalidate_caches()


def sites(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *names: str, forget: str = "zz_"
) -> Iterator[list[Site]]:
    """Yield folders on ``sys.path`` in that order; forget the modules that a test has imported.

    Args:
        tmp_path: where the folders are made.
        monkeypatch: undone at the end of the test.
        names: of the folders.
        forget: how the names of modules begin that are forgotten at the end.
    """
    found = [Site(tmp_path / name) for name in names]
    for each in reversed(found):
        monkeypatch.syspath_prepend(each.folder)
    known = set(sys.modules)
    yield found
    for name in set(sys.modules) - known:
        if name.startswith(forget):
            del sys.modules[name]
