"""Draws the demo: ``python -m tests.examples.picture``, which ``tests.page.pictures`` runs.

It runs ``sampler demo`` for a few seconds, draws its last page and its end with rich, and writes
``docs/demo.svg``.
"""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from sampler.cli import demo
from sampler.cli.demo import screen
from tests.support.drawing import draw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampler.cli.demo.figures import Figure
    from sampler.cli.demo.verdict import Verdict

PICTURE = Path(__file__).parents[2] / "docs" / "demo.svg"
_WIDTH, _SECONDS = 84, 20.0


class _Drawn(screen.Screen):
    """Keeps the last page, and prints it where the live one would have vanished."""

    def __init__(self, seconds: float, url: str) -> None:
        console = Console(
            record=True, color_system="truecolor", width=_WIDTH, file=StringIO(), highlight=False
        )
        super().__init__(seconds, url, console)
        console.print("[bold]$ uv run sampler demo[/]")

    def show(self, elapsed: float, figures: Sequence[Figure], *, new: bool) -> None:
        del new
        # Without the bar of the time that is left.
        self._shown = self.page(elapsed, figures).renderables[:-1]

    def end(self, verdicts: Sequence[Verdict]) -> None:
        self._console.print(*self._shown)
        super().end(verdicts)
        draw(self._console, "sampler demo", PICTURE)


if __name__ == "__main__":
    screen.Screen = _Drawn  # type: ignore[misc]
    raise SystemExit(demo.demo(_SECONDS))
