"""The demo's output: a live screen on a terminal, else one line for each second."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from rich.console import RenderableType

    from sampler.cli.demo.figures import Figure
    from sampler.cli.demo.verdict import Verdict

CODE = """\
def sample():
    yield "connections", pool.used, {"state": "used"}
SAMPLER = {"name": "pool", "sample": sample}

shop = sampler.Instruments("shop")
orders = shop.counter("orders", labels=("outcome",))
application = sampler.web.WSGI(serve)
"""
"""What stands in ``shop.py``, without its annotations and texts."""

_WIDTH = 80
_AROUND = 10
"""Columns of a panel's border, and between its columns."""
_SIDE_BY_SIDE = 112
"""Columns from which on the code stands beside the numbers."""


class Screen:
    """Draws on standard output; without control codes unless that is a terminal.

    Args:
        seconds: for how long the demo runs.
        url: of the page that shows more.
        console: where it draws; default: standard output.
    """

    def __init__(self, seconds: float, url: str, console: Console | None = None) -> None:
        width = None if Console().is_terminal else _WIDTH
        self._console = console or Console(width=width, highlight=False)
        self._seconds = seconds
        self._url = url
        self._live: Live | None = None

    def __enter__(self) -> Self:
        self._console.print(
            "[bold]sampler demo[/]: a web shop with four threads, whose clients come in waves."
        )
        self._console.print(f"Look inside: [bold cyan]{self._url}[/]", soft_wrap=True)
        if self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=4, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, elapsed: float, figures: Sequence[Figure], *, new: bool) -> None:
        """Draw the current state.

        Args:
            elapsed: seconds since the beginning.
            figures: what there is to see.
            new: whether they have changed since the last time.
        """
        if self._live is not None:
            self._live.update(self.page(elapsed, figures))
        elif new:
            first = [(each.name.removeprefix("http.server."), each.text) for each in figures[:3]]
            self._console.print(f"{elapsed:5.1f} s ", ", ".join(map(" ".join, first)))

    def page(self, elapsed: float, figures: Sequence[Figure]) -> Group:
        """Return what a terminal shows."""
        wide = self._console.width >= _SIDE_BY_SIDE
        width = self._console.width // 2 if wide else self._console.width
        code = Syntax(CODE.rstrip(), "python", theme="ansi_dark", background_color="default")
        panels: list[RenderableType] = [
            Panel(code, title="what it says", title_align="left", width=width),
            Panel(_table(figures, width), title="what it shows", title_align="left", width=width),
        ]
        left = max(0.0, self._seconds - elapsed)
        progress = Table.grid(padding=(0, 2))
        bar = ProgressBar(total=self._seconds, completed=min(elapsed, self._seconds), width=40)
        progress.add_row(bar, Text(f"{left:.0f} s left; Ctrl-C ends early", style="dim"))
        return Group(*([Columns(panels, padding=0)] if wide else panels), progress)

    def end(self, verdicts: Sequence[Verdict]) -> None:
        """Say what has arrived, and what to do next."""
        faults = [f"{each.adapter}: {fault}" for each in verdicts for fault in each.faults]
        for fault in faults:
            self._console.print(f"[red]✗[/] {fault}", soft_wrap=True)
        if not faults:
            sums = ", ".join(f"{each.adapter} {each.balance.collected}" for each in verdicts)
            self._console.print(f"[green]✓ every number arrived:[/] {sums} entries")
        self._console.print(
            "Next: [bold]sampler run -- gunicorn app:app[/] shows as much of your application;\n"
            "[bold]sampler init library[/] begins a package that publishes its own numbers."
        )


def _table(figures: Sequence[Figure], width: int) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right")
    table.add_column(no_wrap=True, justify="right")
    others = max(len(each.name) for each in figures) + max(len(each.text) for each in figures)
    room = width - _AROUND - others
    for figure in figures:
        line = Text(figure.line(max(1, room)), style="cyan")
        table.add_row(figure.name, line, f"[bold]{figure.text}[/]")
    return table
