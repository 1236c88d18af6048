"""What an adapter's backend cannot carry, and which metrics of a snapshot lose by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler._contract.histogram import HistogramValue
from sampler._contract.names import is_reserved
from sampler.agent import UNSUPPORTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sampler._contract.snapshot import Series, Snapshot

EXACT = 2**53
"""Above it, not every integer can be written as a double."""


def _is_zero(value: Any) -> bool:
    return not (value.count if isinstance(value, HistogramValue) else value)


def _rounded(value: Any) -> bool:
    """Tell whether a number, or one of a histogram's, is another one as a double."""
    if isinstance(value, HistogramValue):
        return any(map(_rounded, (value.count, value.sum, *value.counts)))
    return isinstance(value, int) and abs(value) > EXACT and value != float(value)


_AFFECTS: Mapping[str, Callable[[Series, Any], bool]] = {
    "unit": lambda series, _: bool(series.unit),
    "help": lambda series, _: bool(series.help),
    "kind": lambda series, _: series.kind == "counter",
    "precision": lambda _, value: _rounded(value),
    "histograms": lambda _, value: isinstance(value, HistogramValue),
    "zeros": lambda series, value: series.cumulative and _is_zero(value),
}


def unsupported(adapter: Any) -> dict[str, str]:
    """Return what an adapter, or its class, declares that its backend cannot carry.

    Returns:
        Words of :data:`sampler.agent.UNSUPPORTED`, in their order, to a sentence each.
    """
    declared: Any = getattr(adapter, "unsupported", None)
    if not hasattr(declared, "get"):
        return {}
    return {word: str(declared[word]) for word in UNSUPPORTED if word in declared}


def affected(adapter: Any, snapshot: Snapshot) -> Iterator[tuple[str, list[str], str]]:
    """Yield what an adapter cannot carry of a snapshot's entries, the agent's own left out.

    An adapter's ``loses(word, series, value)`` says which entries lose by a word; without it, or
    if it fails, all that have what the word names do.

    Yields:
        A word of :data:`sampler.agent.UNSUPPORTED`, the metrics that lose by it, and the
        adapter's sentence.
    """
    for word, sentence in unsupported(adapter).items():
        if word == "timestamps":
            late = [b for b in snapshot.blocks if b.time < snapshot.time]
            metrics = {series.name for block in late for series, _ in block}
        else:
            metrics = {s.name for s, value in snapshot if _loses(adapter, word, s, value)}
        metrics = {name for name in metrics if not is_reserved(name)}
        if metrics:
            yield word, sorted(metrics), sentence


def _loses(adapter: Any, word: str, series: Series, value: Any) -> bool:
    if not _AFFECTS[word](series, value):
        return False
    try:
        return bool(adapter.loses(word, series, value))
    except Exception:  # it has none, or a bad one
        return True
