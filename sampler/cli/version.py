"""``sampler --version``: the version, with the commit where that is known."""

from __future__ import annotations

import json
import re
from importlib.metadata import distribution
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

_NAME = "sampler-api"
_COMMIT = re.compile(r"[0-9a-f]{7,64}\+?")
_BUILT = Path(__file__).parents[1] / "commit.txt"
"""What the build has noted (``.ci/hatch_build.py``); a checkout does not have it."""
_SHOWN = 12


def version() -> str:
    """Return one line: name, version, and the commit that is installed, if anything tells it."""
    found = distribution(_NAME)
    commit = _commit(found.read_text("direct_url.json"))
    if not commit:
        return f"{_NAME} {found.version}"
    changed = ", with changes" if commit.endswith("+") else ""
    return f"{_NAME} {found.version} (commit {commit.rstrip('+')[:_SHOWN]}{changed})"


def _commit(direct_url: str | None) -> str:
    """Return the commit that is installed, with ``+`` if there were changes; else nothing.

    Args:
        direct_url: where the installer has it from (PEP 610); None: from an index.
    """
    try:
        said: Any = json.loads(direct_url or "{}")
        if said.get("dir_info", {}).get("editable"):
            commit = _head(Path(url2pathname(urlsplit(said["url"]).path)) / ".git")
        else:
            told = said.get("vcs_info", {}).get("commit_id") or _BUILT.read_text("utf-8").strip()
            commit = str(told)
    except (AttributeError, KeyError, OSError, TypeError, ValueError):
        return ""
    return commit if _COMMIT.fullmatch(commit) else ""


def _head(git: Path) -> str:
    """Return the commit that is checked out, without the program git."""
    if git.is_file():  # of a worktree: it names the folder
        git = git.parent / git.read_text("utf-8").removeprefix("gitdir:").strip()
    head = (git / "HEAD").read_text("utf-8").strip()
    if not head.startswith("ref:"):
        return head
    name = head.removeprefix("ref:").strip()
    common = git / "commondir"
    shared = git / common.read_text("utf-8").strip() if common.is_file() else git
    for folder in (git, shared):
        if (folder / name).is_file():
            return (folder / name).read_text("utf-8").strip()
    packed = (shared / "packed-refs").read_text("utf-8").splitlines()
    return next((line.split()[0] for line in packed if line.endswith(f" {name}")), "")
