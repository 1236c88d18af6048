"""The command as a user runs it: a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


_LACKING = """
import sys
class Lacking:
    def find_spec(self, name, path=None, target=None):
        if name == {0!r}:
            raise ModuleNotFoundError("No module named {0}", name=name)
sys.meta_path.insert(0, Lacking())
"""


def environment(**changes: str) -> dict[str, str]:
    """Return an environment without anything of the caller's that would change the command."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SAMPLER_")}
    return {**kept, "PYTHONUNBUFFERED": "1", **changes}


def lacking(package: str, folder: Path) -> str:
    """Return a ``PYTHONPATH`` with which a package cannot be imported, as if it were missing."""
    (folder / "sitecustomize.py").write_text(_LACKING.format(package))
    return str(folder)


def sampler(*arguments: str, cwd: Any = None, timeout: float = 60.0, **env: str) -> Any:
    """Run ``sampler`` to its end; the result has ``returncode``, ``stdout`` and ``stderr``."""
    return subprocess.run(
        [sys.executable, "-m", "sampler", *arguments],
        cwd=cwd,
        env=environment(**env),
        timeout=timeout,
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def running(*arguments: str, cwd: Any = None, **env: str) -> Iterator[subprocess.Popen[str]]:
    """Run ``sampler`` in the background; it is ended, by pid, when the block is left."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sampler", *arguments],
        cwd=cwd,
        env=environment(**env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=10)
