"""A virtual environment into which the project and its examples are really installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class NotInstallableError(Exception):
    """The environment cannot be made here; the text says why."""


def install(folder: Path, *sources: str) -> Path:
    """Make a virtual environment in ``folder`` with ``sources`` in it; return its python.

    Args:
        folder: where.
        sources: requirements; ``"."``, ``"./examples/library"`` and the like are the project's.

    Raises:
        NotInstallableError: uv is missing, or the packages cannot be had.
    """
    uv = shutil.which("uv")
    if uv is None:
        raise NotInstallableError("uv is not on the PATH: pip install uv")
    python = folder / "bin" / "python"
    for arguments in (
        ["venv", "--quiet", "--python", sys.executable, str(folder)],
        ["pip", "install", "--quiet", "--python", str(python), *sources],
    ):
        done = subprocess.run(
            [uv, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=240, check=False
        )
        if done.returncode:
            raise NotInstallableError(f"uv {arguments[0]}: {done.stderr.strip()[-500:]}")
    return python
