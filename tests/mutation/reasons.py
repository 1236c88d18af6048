"""The survivors that are known, each with the reason why no test can, or need, see it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from tests.mutation.mutants import mutants

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.mutation.mutants import Mutant

PAGE = Path("docs/mutation.md")
_ROW = re.compile(r"^\| `(.+?)` \| `(.+?)` \| `` (.+?) `` \| (.*?) \|$", re.MULTILINE)

Known = dict[tuple[str, str, str], str]
"""File, function and mistake to the reason; an empty one explains nothing."""


def read(page: str) -> Known:
    """Return what the page says."""
    return {
        (file, where, what.replace("\\|", "|")): reason.strip()
        for file, where, what, reason in _ROW.findall(page)
    }


def row(mutant: Mutant, reason: str = "") -> str:
    """Return the line of the page for a survivor."""
    what = mutant.what.replace("|", "\\|")
    return f"| `{mutant.file}` | `{mutant.where}` | `` {what} `` | {reason} |"


def stale(known: Known, sources: dict[str, str]) -> list[str]:
    """Say which rows name a mistake that cannot be made any more, or give no reason."""
    there = {m[:3] for file, source in sources.items() for m in mutants(file, source)}
    return [
        f"{' '.join(key)}: {'no such mutant' if key not in there else 'no reason'}"
        for key, reason in known.items()
        if key not in there or not reason
    ]


def unexplained(survivors: Iterable[Mutant], known: Known) -> list[Mutant]:
    """Return the survivors that have no reason."""
    return [mutant for mutant in survivors if not known.get(mutant[:3])]
