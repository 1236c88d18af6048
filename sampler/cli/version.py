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
_COMMIT = re.compile(r"([0-9a-f]{7,64})(\+?)")
_BUILT = Path(__file__).parents[1] / "commit.txt"
"""What the build has noted (``.ci/hatch_build.py``); a checkout does not have it."""
_SHOWN = 12


def version() -> str:
    """Return one line: name, version, and the commit that is installed, if anything tells it."""
    found = distribution(_NAME)
    known = _COMMIT.fullmatch(_commit(found.read_text("direct_url.json")))
    if known is None:
        return f"{_NAME} {found.version}"
    changed = ", with changes" if known[2] else ""
    return f"{_NAME} {found.version} (commit {known[1][:_SHOWN]}{changed})"


def _commit(direct_url: str | None) -> str:
    """Return the commit: of an editable installation's folder, or of a build (PEP 610)."""
    try:
        said: Any = json.loads(direct_url or "{}")
        if said.get("dir_info", {}).get("editable"):
            return _head(Path(url2pathname(urlsplit(said["url"]).path)) / ".git")
        if commit := said.get("vcs_info", {}).get("commit_id"):
            return str(commit)
        return _BUILT.read_text("utf-8").strip()
    except (AttributeError, KeyError, OSError, TypeError, ValueError):
        return ""


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
