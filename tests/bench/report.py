"""Numbers to rows: ours, what was aimed at, the best peer, and the ratio.

Limits in time were set on one machine. On another they are taken times :func:`pace`: how many
times longer peers, of the same versions, take there for work of the same kind.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Numbers = Mapping[str, float]
    """Name of a benchmark, or of a measurement's number, to what came out."""


@attrs.frozen
class Row:
    """One target.

    Attributes:
        title: what is measured.
        ours: names of our numbers; the last is subtracted from the first if there are two.
        unit: of the numbers.
        limit: what ours may be at most; None: only the ratio counts.
        peers: beginning of the names of peers' numbers.
        ratio: how many times the best peer's number is to be of ours.
        why: why it is missed, if it is.
    """

    title: str
    ours: tuple[str, ...]
    unit: str = "ns"
    limit: float | None = None
    peers: tuple[str, ...] = ()
    ratio: float | None = None
    why: str = ""


def _pull(operation: str, size: int, share: float, who: str = "ours") -> str:
    return f"pull/{operation}/{size}/{share:g}/{who}"


def _beyond(size: int, share: float) -> tuple[str, str]:
    return _pull("collect", size, share), _pull("collect", size, share, "samplers alone")


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

_ROUND = "handing the round to the guarded worker takes the same, however small it is"
_KEYWORDS = "a dictionary is made of the keywords, and a key of that; labels('buy') takes half"
_GAUGES = "the peers are handed values and pull nothing; most of it is repr of random floats"
_ALL = "every value is rendered anew, and most of that is repr of random floats"
_PICKLE = "a path, a time and a number are three parts to join; the pull is half of it"
_PACKED = "every value is checked, packed and measured anew, and three parts are joined"
_PULL = "the pull alone is half of it; what is left is a connection or a datagram, and joining"
_CACHES = "as few steps as for less series, but their objects are in no cache any more"

ROWS = (
    Row("counter inc", ("hot/inc/ours",), limit=70, peers=("hot/inc/",), ratio=2.5),
    Row(
        "counter inc by 2.5", ("hot/inc by n/ours",), limit=70, peers=("hot/inc by n/",), ratio=2.5
    ),
    Row(
        "inc of a bound child",
        ("hot/child inc/ours",),
        limit=70,
        peers=("hot/child inc/",),
        ratio=2.5,
    ),
    Row(
        "labels() and inc",
        ("hot/labels and inc/ours",),
        limit=250,
        peers=("hot/labels and inc/prometheus",),
        ratio=5,
    ),
    Row(
        "inc(route='buy')",
        ("hot/inc with labels/ours",),
        limit=250,
        peers=("hot/inc with labels/prometheus",),
        ratio=5,
        why=_KEYWORDS,
    ),
    Row(
        "gauge set",
        ("hot/gauge set/ours",),
        limit=35,
        peers=("hot/gauge set/",),
        why=("the floor is a bare attribute; ours checks that it is a number"),
    ),
    Row(
        "histogram observe",
        ("hot/observe/ours",),
        limit=200,
        peers=("hot/observe/",),
        why="562 bounds by default: a bisect of ten steps; fixed bounds take less",
    ),
    Row(
        "timer",
        ("hot/timer/ours",),
        limit=600,
        peers=("hot/timer/",),
        why="two readings of the clock, two calls of the with statement, and observe",
    ),
    Row(
        "timer as decorator",
        ("hot/decorator/ours",),
        limit=320,
        peers=("hot/decorator/",),
        why="two readings of the clock, the call with any arguments, and observe",
    ),
    Row(
        "8 threads, one counter",
        ("threads/ours/ns",),
        limit=110,
        peers=("threads/prometheus_client/ns",),
        why="one thread's inc, and the threads' changing places: nothing is locked",
    ),
    Row("8 threads: lost", ("threads/ours/lost",), unit="", limit=0),
    *(
        Row(
            f"collect beyond samplers, {size:,}, {share:.0%} change",
            _beyond(size, share),
            limit=300,
            why=_ROUND if size == 1_000 else _CACHES,
        )
        for size in (1_000, 10_000, 100_000)
        for share in (0.1, 1.0)
    ),
    *(
        Row(
            f"collect, {size:,}",
            (_pull("collect", size, 0.1),),
            peers=(_pull("collect", size, 0.1, ""),),
            ratio=8,
            why=_ROUND if size == 1_000 else _CACHES,
        )
        for size in (1_000, 10_000, 100_000)
    ),
    Row(
        "one of 10,000 series comes or goes, / none",
        (_pull("churn", 10_000, 1.0),),
        peers=(_pull("churn", 10_000, 0.0, "ours"),),
        ratio=1 / 1.3,
    ),
    *(
        row
        for operation in ("text", "openmetrics")
        for size in (1_000, 10_000, 100_000)
        for row in (
            Row(
                f"{operation}, {size:,}, 10% change",
                (_pull(operation, size, 0.1),),
                limit=700,
                peers=(_pull(operation, size, 0.1, ""),),
                ratio=9,
            ),
            Row(
                f"{operation}, {size:,}, all change",
                (_pull(operation, size, 1.0),),
                limit=700,
                peers=(_pull(operation, size, 0.1, ""),),
                ratio=9,
                why=_ALL,
            ),
        )
    ),
    *(
        Row(
            f"{name}, {size:,}, {share:.0%} change",
            (_pull(operation, size, share),),
            limit=limit,
            peers=(_pull("graphite", size, 0.1, "prometheus"),),
            ratio=8,
            why=all_new if share == 1.0 else some_new,
        )
        for operation, name, limit, some_new, all_new in (
            ("graphite", "Graphite lines over TCP", 750, _PULL, _ALL),
            ("pickle", "Graphite pickle over TCP", 600, _PICKLE, _PACKED),
        )
        for size in (1_000, 10_000, 100_000)
        for share in (0.1, 1.0)
    ),
    *(
        Row(
            f"StatsD gauges over UDP, {size:,}, {share:.0%} change",
            (_pull("statsd gauges", size, share),),
            limit=900,
            peers=(_pull("statsd gauges", size, 0.1, ""),),
            ratio=1,
            why=_GAUGES if share == 1.0 else _PULL,
        )
        for size in (1_000, 10_000, 100_000)
        for share in (0.1, 1.0)
    ),
    Row("idle counter", ("memory/ours/counter",), "B", 290, ("memory/prometheus_client/counter",)),
    Row(
        "idle histogram",
        ("memory/ours/histogram",),
        "B",
        550,
        ("memory/prometheus_client/histogram",),
    ),
    Row(
        "background, Graphite agent, 10,000 at 1 s",
        ("background/ours, graphite agent/percent",),
        "%",
        1,
        ("background/prometheus_client, graphite/percent",),
        why="a pull, lines with a new time, and the start of differences",
    ),
    Row(
        "background, OpenMetrics page, 10,000 at 1 s",
        ("background/ours, openmetrics/percent",),
        "%",
        1,
        ("background/opentelemetry/percent", "background/prometheus_client, text/percent"),
    ),
    Row(
        "p99.9 of a request beyond idle, 100,000",
        ("disturbance/ours/p99.9", "disturbance/ours/idle p99.9"),
        "ms",
        1,
        why="letting go more often costs a switch interval each time, and a longer pass",
    ),
    Row(
        "pass beside requests, 100,000",
        ("disturbance/ours/pass",),
        "ms",
        600,
        ("disturbance/prometheus_client/pass", "disturbance/opentelemetry/pass"),
        why="each letting go costs one switch interval of 5 ms, whatever the machine",
    ),
    Row(
        "round of 100 samplers beside a busy thread",
        ("busy/ours/ms",),
        "ms",
        30,
        ("busy/a hand-off each/ms",),
        why="the lock is got back a switch interval of 5 ms later, at each of its turns",
    ),
    Row("nobody pulls: threads", ("silence/ours/threads",), "", 0),
    Row("nobody pulls: blocks left by 1000 inc", ("silence/ours/blocks",), "", 1),
    Row("import", ("import/ours/ms",), "ms", 6, ("import/",)),
    Row("import: modules", ("import/ours/modules",), "", 25),
)


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
        """``met``, or by how much it is missed, and why."""
        if self.met:
            return "met"
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
    rivals = {
        name: value
        for name, value in numbers.items()
        if name.startswith(row.peers or ("\0",))
        and name not in row.ours
        and (name in row.peers or not name.split("/")[-1 - (row.unit != "ns")].startswith(skip))
        and name.split("/")[-1] != "modules"
    }
    best = min(rivals, key=rivals.__getitem__, default="")
    theirs = rivals.get(best)
    limit = row.limit
    if limit is not None and row.unit in {"ns", "ms", "%"}:
        kind = row.ours[0].split("/")[0]
        limit *= pace(numbers, kind if kind in PACE else "calls")
    met = limit is None or ours <= limit
    if row.ratio is not None and theirs is not None:
        met = met and theirs / ours >= row.ratio
    return Result(row, ours, limit, _who(best), theirs, met)


def _who(name: str) -> str:
    parts = name.split("/")
    return parts[-1] if name.startswith(("hot/", "pull/")) else parts[1] if name else ""


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
            aim.append(f"≥ {row.ratio:.2g}x")
        lines.append(
            f"| {row.title} | {shown(result.ours, row.unit)} | {', '.join(aim)} | {result.peer} "
            f"| {'' if result.theirs is None else shown(result.theirs, row.unit)} "
            f"| {'' if ratio is None else f'{ratio:.1f}x'} "
            f"| {result.verdict} |"
        )
    return "\n".join(lines) + "\n"


def shown(number: float, unit: str) -> str:
    """Return a number for people."""
    digits = f"{number:,.0f}" if abs(number) >= 10 or number == int(number) else f"{number:.2g}"
    return f"{digits} {unit}".strip()


def growth(numbers: Numbers) -> str:
    """Return how the cost of a sample grows from 1 000 to 100 000, as a table in Markdown."""
    lines = []
    for name, small in numbers.items():
        middle, large = (numbers.get(name.replace("/1000/", f"/{n}000/")) for n in (10, 100))
        if "/1000/" in name and middle and large and "/churn/" not in name:
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
    return f"{machine}\n\n{limits}\n\n{table(results(numbers))}{growth(numbers)}"
