"""The pages that people read, and the code in them."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DOORS = ("applications", "migrating", "operators")
"""Folders of docs/ whose pages are written, and not made."""
PAGES = [
    ROOT / "README.md",
    ROOT / "pep/README.md",
    *sorted(ROOT.glob("docs/*.md")),
    *(page for folder in DOORS for page in sorted(ROOT.glob(f"docs/{folder}/*.md"))),
    *sorted(ROOT.glob("examples/*/README.md")),
    *sorted(ROOT.glob("examples/*/pages/*.md")),
]
_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Yield language and text of each block of code."""
    for block in _BLOCK.finditer(page.read_text("utf-8")):
        yield block[2], dedent(block[3])


def inline(page: Path) -> Iterator[str]:
    """Yield what stands between backticks in the prose."""
    prose = _BLOCK.sub("", page.read_text("utf-8"))
    for code in _INLINE.finditer(prose):
        yield code[1]
