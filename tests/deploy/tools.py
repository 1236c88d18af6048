"""The programs that judge what is in ``examples/deploy``, or a skip."""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "examples/deploy"
_GET = "uv sync --group deploy, tests/support/install_servers.sh"


def program(request: pytest.FixtureRequest, name: str) -> str:
    """Return the path of a program; skip the test without it, or fail with --require-servers."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        _missing(request, name)
    return str(found)


def package(request: pytest.FixtureRequest, name: str) -> ModuleType:
    """Import a package; skip the test without it, or fail with --require-servers."""
    if find_spec(name) is None:
        _missing(request, name)
    return pytest.importorskip(name)


def _missing(request: pytest.FixtureRequest, name: str) -> None:
    reason = f"{name} is missing: {_GET}"
    if request.config.getoption("--require-servers"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
