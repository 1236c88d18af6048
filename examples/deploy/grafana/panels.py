"""What a dashboard holds: one list of panels, each with its query for either store."""

from __future__ import annotations

from dataclasses import dataclass, field

PROMETHEUS, GRAPHITE = "prometheus", "graphite"
PREFIX = "$service.$host.$instance"
"""Of paths in Graphite, by the adapter's own default; a metric's name begins at node 3."""


@dataclass(frozen=True)
class Panel:
    """One question, and who answers it.

    Attributes:
        title: the question, in few words.
        why: what to read from it, in a sentence; it is shown behind the panel's (i).
        unit: Grafana's name of the unit, the only one of its axis.
        prometheus: the expressions and what each series is called.
        graphite: the targets; they name their series themselves.
        warn: from here on it is orange; None: it has no bounds.
        bad: from here on it is red.
        low: bounds are undercut, not exceeded.
        stacked: its series are parts of a whole.
        total: it is a number of events in all of the time that is shown.
        only: where there are such metrics at all, if not everywhere.
    """

    title: str
    why: str
    unit: str
    prometheus: tuple[tuple[str, str], ...]
    graphite: tuple[str, ...]
    warn: float | None = None
    bad: float | None = None
    low: bool = False
    stacked: bool = False
    total: bool = False
    only: str = ""


@dataclass(frozen=True)
class Row:
    """A row of panels.

    Attributes:
        title: what they have in common.
        panels: from left to right.
        numbers: they are single numbers, not lines over time.
    """

    title: str
    panels: tuple[Panel, ...]
    numbers: bool = False


@dataclass(frozen=True)
class Page:
    """A dashboard.

    Attributes:
        name: of its files, and the end of its uid.
        title: what people look for.
        about: what it is about, in a sentence.
        present: a metric of every process that belongs here, by its name in Prometheus.
        rows: trouble first.
    """

    name: str
    title: str
    about: str
    present: str
    rows: tuple[Row, ...] = field(repr=False)


def of(metric: str, *matchers: str) -> str:
    """Return the series of a metric, of the processes that are chosen."""
    return f"{metric}{{{','.join((CHOSEN, *matchers))}}}"


def rate(metric: str, *matchers: str) -> str:
    """Return by how much a counter grows in a second."""
    return f"rate({of(metric, *matchers)}[$__rate_interval])"


def quantile(part: float, metric: str, *by: str) -> str:
    """Return a quantile of a histogram, of all processes together."""
    labels = ", ".join(("le", *by))
    return f"histogram_quantile({part:g}, sum by ({labels}) ({rate(f'{metric}_bucket')}))"


def quantiles(metric: str) -> tuple[tuple[str, str], ...]:
    """Return the queries of the quantiles that Graphite has, too."""
    return tuple((quantile(part, metric), f"p{part * 100:g}") for part in (0.5, 0.95, 0.99))


def paths(*names: str) -> str:
    """Return all paths of these metrics, labels included, as one list."""
    found = [f"{PREFIX}.{name}" for name in names]
    return found[0] if len(found) == 1 else f"group({','.join(found)})"


def per_second(*names: str) -> str:
    """Return by how much counters grow in a second."""
    return f"perSecond({paths(*names)})"


def highest(metric: str) -> tuple[str, ...]:
    """Return the quantiles of a histogram, of all processes and labels the highest: none adds."""
    return tuple(highest_of(metric, part) for part in ("p50", "p95", "p99"))


def highest_of(metric: str, part: str) -> str:
    """Return one quantile of a histogram, of all processes and labels the highest."""
    path = f"{metric}.{part}"
    return f"alias(maxSeries({paths(path, f'{path}.*')}),'{part}')"


def share(part: str, whole: str, name: str) -> str:
    """Return one sum to the other."""
    return f"alias(divideSeries(sumSeries({part}),sumSeries({whole})),'{name}')"


def named(target: str, name: str) -> str:
    """Return the sum of a target under a name."""
    return f"alias(sumSeries({target}),'{name}')"


def growth(target: str, name: str) -> str:
    """Return how many events there were, of counters, in each step of the picture.

    Where a step holds several points they are added up: a mean would lose most of them.
    """
    return f"consolidateBy({named(f'nonNegativeDerivative({target})', name)},'sum')"


def by_label(target: str, node: int) -> str:
    """Return sums by the label at a node of the path, called by its values."""
    return f"aliasSub(groupByNode({target},{node},'sumSeries'),'^[^-]*-','')"


CHOSEN = 'job=~"$job",instance=~"$instance"'
