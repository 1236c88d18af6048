"""The pages that people read, and the code in them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "pep/README.md",
    *sorted(ROOT.glob("docs/*.md")),
    *sorted(ROOT.glob("examples/*/README.md")),
    *sorted(ROOT.glob("examples/*/pages/*.md")),
]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Yield language and text of each block of code."""
    for block in _BLOCK.finditer(page.read_text("utf-8")):
        yield block[1], block[2]


def inline(page: Path) -> Iterator[str]:
    """Yield what stands between backticks in the prose."""
    prose = _BLOCK.sub("", page.read_text("utf-8"))
    for code in _INLINE.finditer(prose):
        yield code[1]
