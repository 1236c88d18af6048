"""A virtual environment into which the project and its examples are really installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class NotInstallableError(Exception):
    """The environment cannot be made here; the text says why."""


def wheel(folder: Path) -> Path:
    """Build the project's wheel in ``folder``, and return it.

    Raises:
        NotInstallableError: uv is missing, or what builds it cannot be had.
    """
    _uv("build", "--quiet", "--wheel", "--out-dir", str(folder))
    (built,) = folder.glob("*.whl")
    return built


def install(folder: Path, *sources: str) -> Path:
    """Make a virtual environment in ``folder`` with ``sources`` in it; return its python.

    Args:
        folder: where.
        sources: requirements; ``"."``, ``"./examples/library"`` and the like are the project's.

    Raises:
        NotInstallableError: uv is missing, or the packages cannot be had.
    """
    python = folder / "bin" / "python"
    _uv("venv", "--quiet", "--python", sys.executable, str(folder))
    add(python, *sources)
    return python


def add(python: Path, *sources: str) -> None:
    """Install more ``sources`` into an environment, whose ``python`` is given.

    Raises:
        NotInstallableError: as of :func:`install`.
    """
    _uv("pip", "install", "--quiet", "--python", str(python), *sources)


def _uv(*words: str) -> None:
    uv = shutil.which("uv")
    if uv is None:
        raise NotInstallableError("uv is not on the PATH: pip install uv")
    done = subprocess.run(
        [uv, *words], cwd=ROOT, capture_output=True, text=True, timeout=240, check=False
    )
    if done.returncode:
        raise NotInstallableError(f"uv {words[0]}: {done.stderr.strip()[-500:]}")
