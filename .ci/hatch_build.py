"""Tells wheel and sdist of which commit they are made: ``sampler/commit.txt``, if git knows."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

COMMIT = "sampler/commit.txt"


class CommitHook(BuildHookInterface):
    """Adds the file. An sdist has it already, so a wheel that is made of one keeps it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the file, unless the build is editable: then ``.git`` tells."""
        if version == "editable" or not (commit := commit_of(Path(self.root))):
            return
        self._folder = tempfile.TemporaryDirectory()
        file = Path(self._folder.name, "commit.txt")
        file.write_text(f"{commit}\n")
        build_data["force_include"][str(file)] = COMMIT


def commit_of(root: Path) -> str:
    """Return the commit of a checkout, with ``+`` where files differ from it; else nothing.

    A folder within somebody else's repository is no checkout of ours.
    """
    top = _git(root, "rev-parse", "--show-toplevel")
    if not top or Path(top).resolve() != root.resolve():
        return ""
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    return _git(root, "rev-parse", "HEAD") + ("+" if changed else "")


def _git(root: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):  # no git, or no repository
        return ""
    return done.stdout.strip()
