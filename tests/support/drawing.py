"""What a terminal shows, as a picture: text in the reader's own font, so nothing is fetched."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich._export_format import CONSOLE_SVG_FORMAT

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

_FONTS = re.compile(r"@font-face \{\{.*?\}\}\n", re.DOTALL)
"""From a server of others."""


def draw(console: Console, title: str, file: Path) -> None:
    """Write what a console has recorded.

    Args:
        console: one that records.
        title: of the window.
        file: an SVG; its name without the ending must occur once on a page.
    """
    drawn = console.export_svg(
        title=title, code_format=_FONTS.sub("", CONSOLE_SVG_FORMAT), unique_id=file.stem
    )
    text = "\n".join(line.rstrip() for line in drawn.splitlines()) + "\n"
    file.write_text(text.replace("Fira Code", "Menlo, Consolas"), "utf-8")
