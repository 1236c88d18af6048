"""Makes the picture of the README: ``uv run python -m tests.examples.picture``.

It runs ``sampler demo`` for a few seconds, draws its last page and its end with rich, and writes
``docs/demo.svg``: text in the reader's own monospaced font, so nothing is fetched.
"""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from sampler.cli import demo
from sampler.cli.demo import screen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Group, RenderableType

    from sampler import Series
    from sampler.cli.demo.verdict import Verdict

PICTURE = Path(__file__).parents[2] / "docs" / "demo.svg"
_WIDTH, _SECONDS = 84, 20.0


class _Drawn(screen.Screen):
    """Keeps the last page, and prints it where the live one would have vanished."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self._console = Console(
            record=True, color_system="truecolor", width=_WIDTH, file=StringIO(), highlight=False
        )
        self._shown: list[RenderableType] = []
        self._console.print("[bold]$ uv run sampler demo[/]")

    def show(self, elapsed: float, last: Mapping[Series, Any], rows: Any) -> None:
        self._live = self  # type: ignore[assignment]
        self._busy = any(last[each] for each in last if str(each).endswith('{state="busy"}'))
        super().show(elapsed, last, rows)
        self._live = None

    def update(self, page: Group) -> None:
        if self._busy:  # and without the bar of the time that is left
            self._shown = page.renderables[:2]

    def end(self, verdicts: list[Verdict]) -> None:
        self._console.print(*self._shown)
        super().end(verdicts)
        fonts = re.compile(r"@font-face \{\{.*?\}\}\n", re.DOTALL)  # from a server of others
        drawn = self._console.export_svg(
            title="sampler demo", code_format=fonts.sub("", CONSOLE_SVG_FORMAT), unique_id="demo"
        )
        text = "\n".join(line.rstrip() for line in drawn.splitlines()) + "\n"
        PICTURE.write_text(text.replace("Fira Code", "Menlo, Consolas"), "utf-8")


if __name__ == "__main__":
    screen.Screen = _Drawn  # type: ignore[misc]
    raise SystemExit(demo.demo(_SECONDS))
