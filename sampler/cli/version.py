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
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_SHOWN = 12


def version() -> str:
    """Return one line: name, version, and the commit of an installation from a repository."""
    found = distribution(_NAME)
    commit = _commit(found.read_text("direct_url.json"))
    return f"{_NAME} {found.version}{f' (commit {commit[:_SHOWN]})' if commit else ''}"


def _commit(direct_url: str | None) -> str:
    """Return the commit that an installation is of, as far as its metadata say (PEP 610)."""
    try:
        said: Any = json.loads(direct_url or "{}")
        commit = str(said.get("vcs_info", {}).get("commit_id", ""))
        if not commit and said.get("dir_info", {}).get("editable"):
            commit = _head(Path(url2pathname(urlsplit(said["url"]).path)) / ".git")
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
