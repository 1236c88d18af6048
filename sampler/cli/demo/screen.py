"""The demo's output: a live screen on a terminal, else one line for each tick."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from sampler.agent import HistogramValue

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from sampler.agent import Balance, Series
    from sampler.cli.demo.verdict import Verdict

_BARS = " ▁▂▃▄▅▆▇█"
_WIDTH = 80


class Screen:
    """Draws on standard output; without control codes unless that is a terminal."""

    def __init__(self, seconds: float) -> None:
        self._console = Console(width=None if Console().is_terminal else _WIDTH, highlight=False)
        self._seconds = seconds
        self._backlog: deque[float] = deque(maxlen=34)
        self._live: Live | None = None
        self._ticks = 0

    def __enter__(self) -> Self:
        self._console.print(
            "[bold]sampler demo[/]: a busy workshop is sampled every second; its numbers go to "
            "Graphite, StatsD and Prometheus receivers inside this process."
        )
        if self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=8, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show_page(self, url: str) -> None:
        """Say where the live page is."""
        self._console.print(f"Its page, while this runs: [bold]{url}[/]", soft_wrap=True)

    def show(
        self,
        elapsed: float,
        last: Mapping[Series, float | HistogramValue],
        rows: Mapping[str, tuple[Balance, str]],
    ) -> None:
        """Draw the current state.

        Args:
            elapsed: seconds since the beginning.
            last: each series' newest value.
            rows: for each adapter its balance, and what its receiver counted.
        """
        source = _Source(last)
        if source.ticks != self._ticks:
            self._ticks = source.ticks
            self._backlog.append(source.backlog)
            if self._live is None:
                self._console.print(_line(elapsed, source, rows))
        if self._live is not None:
            self._live.update(self._page(elapsed, source, rows))

    def end(self, verdicts: list[Verdict]) -> None:
        """Print each adapter's balance beside its receiver's count."""
        self._console.rule("[bold]what each adapter delivered, and what its receiver counted[/]")
        for verdict in verdicts:
            balance, dropped = verdict.balance, sum(verdict.balance.dropped.values())
            self._console.print(
                f"[bold]{verdict.adapter:<11}[/]{balance.collected} collected = "
                f"{balance.delivered} delivered + {balance.unconfirmed} unconfirmed + "
                f"{dropped} dropped + {balance.queued} queued",
                soft_wrap=True,
            )
            mark = "[red]✗[/]" if verdict.faults else "[green]✓[/]"
            self._console.print(f"{'':<11}{mark} {verdict.counted}", soft_wrap=True)
        self._console.rule()
        faults = [
            f"{verdict.adapter}: {fault}" for verdict in verdicts for fault in verdict.faults
        ]
        for fault in faults:
            self._console.print(f"[red]{fault}[/]", soft_wrap=True)
        if not faults:
            self._console.print(
                "[green]Every number arrived.[/] Graphite and Prometheus received each entry "
                "that was delivered; StatsD's gauges hold the last values, and its sums equal "
                "what the counters grew by."
            )
        self._console.print(
            "Next: [bold]sampler config sample > sampler.toml[/], [bold]sampler check[/], "
            "[bold]sampler run[/]."
        )

    def _page(
        self, elapsed: float, source: _Source, rows: Mapping[str, tuple[Balance, str]]
    ) -> Group:
        left = max(0.0, self._seconds - elapsed)
        progress = Table.grid(padding=(0, 2))
        bar = ProgressBar(total=self._seconds, completed=min(elapsed, self._seconds), width=40)
        progress.add_row(bar, Text(f"{left:.0f} s left; Ctrl-C ends early", style="dim"))
        return Group(
            Panel(source.table(self._backlog), title="the program", title_align="left"),
            Panel(_adapters(rows), title="the adapters", title_align="left"),
            progress,
        )


class _Source:
    """The workshop's numbers among the newest values."""

    def __init__(self, last: Mapping[Series, float | HistogramValue]) -> None:
        numbers = {str(series): value for series, value in last.items()}

        def number(name: str) -> float:
            value = numbers.get(f"workshop.{name}", 0)
            return 0 if isinstance(value, HistogramValue) else value

        self.backlog = number("backlog")
        self.busy = number('workers{state="busy"}')
        self.workers = self.busy + number('workers{state="idle"}')
        self.done = number('jobs{outcome="done"}')
        self.failed = number('jobs{outcome="failed"}')
        waits = numbers.get("workshop.queue.time")
        self.waits = waits if isinstance(waits, HistogramValue) else HistogramValue(0, 0.0)
        self.ticks = sum(1 for _ in last) and int(
            sum(v for n, v in numbers.items() if n.startswith("sampler.ticks{"))  # type: ignore[misc]
        )

    def quantile(self, q: float) -> str:
        """Return a quantile of the time that jobs waited, as text."""
        value = self.waits.quantile(q)
        return "-" if value is None else f"{value * 1000:.0f} ms"

    def table(self, history: deque[float]) -> Table:
        """Draw the workshop."""
        table = Table.grid(padding=(0, 2))
        filled = round(10 * self.busy / self.workers) if self.workers else 0
        busy = Text("█" * filled, style="cyan") + Text("░" * (10 - filled), style="dim")
        table.add_row("workers busy", busy, f"{self.busy:g} of {self.workers:g}")
        top = max([*history, 1.0])
        line = "".join(_BARS[round(8 * value / top)] for value in history)
        table.add_row("backlog", Text(line, style="yellow"), f"{self.backlog:g} jobs")
        table.add_row(
            "waited in queue",
            f"median {self.quantile(0.5)}, 95 % below {self.quantile(0.95)}",
            f"{self.waits.count} jobs",
        )
        table.add_row("jobs", f"{self.done:g} done", f"{self.failed:g} failed")
        return table


def _adapters(rows: Mapping[str, tuple[Balance, str]]) -> Table:
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column()
    for _ in range(5):
        table.add_column(justify="right")
    table.add_row("", "collected", "delivered", "unconfirmed", "dropped", "queued", "received")
    for name, (balance, counted) in rows.items():
        table.add_row(f"[bold]{name}[/]", *_numbers(balance), f"[green]{counted}[/]")
    return table


def _numbers(balance: Balance) -> tuple[str, ...]:
    dropped = sum(balance.dropped.values())
    numbers = (balance.collected, balance.delivered, balance.unconfirmed, dropped, balance.queued)
    return tuple(map(str, numbers))


def _line(elapsed: float, source: _Source, rows: Mapping[str, tuple[Balance, str]]) -> str:
    received = ", ".join(f"{name} {counted.split()[0]}" for name, (_, counted) in rows.items())
    return f"{elapsed:5.1f} s  backlog {source.backlog:3g}  received: {received}"
