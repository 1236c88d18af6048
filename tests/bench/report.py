"""Numbers to rows: ours, what was aimed at, the best peer, and the ratio.

Limits in time were set on one machine. On another they are taken times :func:`pace`: how many
times longer peers, of the same versions, take there for work of the same kind.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import attrs

from tests.bench.targets import ROWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.bench.row import Row

    Numbers = Mapping[str, float]
    """Name of a benchmark, or of a measurement's number, to what came out."""


PACE = {
    "calls": {
        "hot/inc/prometheus_client": 306.0,
        "hot/labels and inc/prometheus_client": 1222.0,
        "hot/gauge set/prometheus_client": 277.0,
        "hot/observe/prometheus_client": 733.0,
        "hot/timer/prometheus_client": 1314.0,
        "pull/collect/10000/0.1/prometheus_client": 2714.0,
    },
    "threads": {"threads/prometheus_client/ns": 469.0},
    "import": {
        "import/statsd/ms": 18.0,
        "import/opentelemetry/ms": 26.0,
        "import/prometheus_client/ms": 53.0,
        "import/pyformance/ms": 85.0,
        "import/datadog/ms": 105.0,
    },
    "background": {
        "background/opentelemetry/percent": 4.5,
        "background/prometheus_client, graphite/percent": 8.9,
    },
    "disturbance": {
        "disturbance/opentelemetry/pass": 1003.0,
        "disturbance/prometheus_client/pass": 1700.0,
    },
}
"""What peers took on the machine on which limits were set, in the units of their names."""


@attrs.frozen
class Result:
    """A row with its numbers.

    Attributes:
        row: the target.
        ours: our number.
        limit: what it may be at most, here.
        peer: the best peer.
        theirs: its number.
        met: whether the target is met.
    """

    row: Row
    ours: float
    limit: float | None
    peer: str
    theirs: float | None
    met: bool

    @property
    def verdict(self) -> str:
        """``met``, or by how much it is missed, and why; nothing if nothing is aimed at."""
        if self.met:
            return "" if self.row.limit is None and self.row.ratio is None else "met"
        over = [self.ours / self.limit if self.limit else 0.0]
        if self.row.ratio is not None and self.ratio:
            over.append(self.row.ratio / self.ratio)
        return f"missed by {max(over) - 1:.0%}: {self.row.why}"

    @property
    def ratio(self) -> float | None:
        """How many times the peer's number is of ours."""
        return None if self.theirs is None or not self.ours else self.theirs / self.ours


def pace(numbers: Numbers, kind: str = "calls") -> float:
    """Return how many times longer the peers take here; 1 where none was timed."""
    times = [numbers[name] / then for name, then in PACE[kind].items() if name in numbers]
    return prod(times) ** (1 / len(times)) if times else 1.0


def results(numbers: Numbers) -> list[Result]:
    """Return what can be said of the rows whose numbers are there."""
    return [result for row in ROWS if (result := _result(row, numbers)) is not None]


def _result(row: Row, numbers: Numbers) -> Result | None:
    if any(name not in numbers for name in row.ours):
        return None
    ours = numbers[row.ours[0]] - sum(numbers[name] for name in row.ours[1:])
    skip = "ours", "floor", "samplers alone"
    begins = tuple(peer for peer in row.peers if peer not in numbers) or ("\0",)
    rivals = {
        name: value
        for name, value in numbers.items()
        if name in row.peers
        or (
            name.startswith(begins)
            and name not in row.ours
            and not name.split("/")[-1 - (row.unit != "ns")].startswith(skip)
            and name.split("/")[-1] != "modules"
        )
    }
    best = min(rivals, key=rivals.__getitem__, default="")
    theirs = rivals.get(best)
    if row.ratio is not None and row.limit is None and theirs is None:
        return None  # what it is to be compared with was not measured
    limit = row.limit
    if limit is not None and row.scaled and row.unit in {"ns", "ms", "%"}:
        kind = row.ours[0].split("/")[0].split(",")[0]
        limit *= pace(numbers, kind if kind in PACE else "calls")
    met = limit is None or ours <= limit
    if row.ratio is not None and theirs is not None:
        met = met and theirs >= row.ratio * ours
    return Result(row, ours, limit, _who(best), theirs, met)


def _who(name: str) -> str:
    parts = name.split("/")
    return (
        parts[-1]
        if name.startswith(("hot/", "turns/", "pull/", "life/", "web/"))
        else parts[1]
        if name
        else ""
    )


def table(found: Iterable[Result]) -> str:
    """Return the rows as a table in Markdown."""
    lines = [
        "| what | ours | target | best peer | theirs | ratio | |",
        "|---|---:|---:|---|---:|---:|---|",
    ]
    for result in found:
        row, ratio = result.row, result.ratio
        aim = [] if result.limit is None else [f"≤ {result.limit:.3g}"]
        if row.ratio is not None:
            aim.append(f"≥ {row.ratio:.2g}x" if row.ratio >= 1 else f"≤ {1 / row.ratio:.3g} of it")
        lines.append(
            f"| {row.title} | {shown(result.ours, row.unit)} | {', '.join(aim)} | {result.peer} "
            f"| {'' if result.theirs is None else shown(result.theirs, row.unit)} "
            f"| {'' if ratio is None else f'{ratio:.{1 if ratio >= 2 else 2}f}x'} "
            f"| {result.verdict} |"
        )
    return "\n".join(lines) + "\n"


def shown(number: float, unit: str) -> str:
    """Return a number for people."""
    digits = f"{number:,.0f}" if abs(number) >= 10 or number == int(number) else f"{number:.2g}"
    return f"{digits} {unit}".strip()


MISSED = "<!-- missed -->\n", "<!-- end of missed -->\n"
"""Where the documentation has what `missed` returns."""


def missed(runs: Mapping[str, Numbers]) -> str:
    """Return which targets are missed, by how much and why, as a table in Markdown.

    Args:
        runs: a Python's version to what was measured on it.
    """
    rows: dict[str, dict[str, str]] = {}
    reasons = {}
    for python, numbers in runs.items():
        for result in results(numbers):
            if not result.met:
                over, _, reasons[result.row.title] = result.verdict.partition(": ")
                rows.setdefault(result.row.title, {})[python] = over.removeprefix("missed by ")
    head = f"| missed, by | {' | '.join(runs)} | |", f"|---|{'---:|' * len(runs)}---|"
    lines = (
        f"| {title} | {' | '.join(by.get(python, '') for python in runs)} | {reasons[title]} |"
        for title, by in rows.items()
    )
    return "".join(f"{line}\n" for line in (*head, *lines))


def growth(numbers: Numbers) -> str:
    """Return how the cost of a sample grows from 1 000 to 100 000, as a table in Markdown."""
    lines = []
    for name, small in numbers.items():
        middle, large = (numbers.get(name.replace("/1000/", f"/{n}000/")) for n in (10, 100))
        if name.startswith("pull/") and "/1000/" in name and middle and large:
            _, operation, _, share, who = name.split("/")
            title = f"{operation}, {float(share):.0%} change: {who}"
            lines.append(
                f"| {title} | {small:,.0f} | {middle:,.0f} | {large:,.0f} | {large / small:.2f}x |"
            )
    head = [
        "",
        "| ns a sample | 1,000 | 10,000 | 100,000 | 100,000 / 1,000 |",
        "|---|---:|---:|---:|---:|",
    ]
    return "".join(f"{line}\n" for line in [*head, *lines] if lines)


def page(machine: str, numbers: Numbers) -> str:
    """Return everything that is said of one run, in Markdown."""
    paces = ", ".join(f"{kind} {pace(numbers, kind):.2f}" for kind in PACE)
    limits = f"Limits in time are those that were set, times what peers take more here: {paces}."
    return f"# {machine}\n\n{limits}\n\n{table(results(numbers))}{growth(numbers)}"
