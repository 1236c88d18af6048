"""The agent's own metrics, under the reserved sampler name: ledgers, pulls, ticks, threads."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from sampler._contract.names import RESERVED
from sampler._runtime.log import log
from sampler._runtime.threads import failures, running
from sampler._runtime.worker import abandoned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from sampler._contract.snapshot import Failure
    from sampler._pull.statistics import Statistics
    from sampler.agent.channel import Channel
    from sampler.agent.consumers import Consumers
    from sampler.agent.source import Source

_ENTRY, _SAMPLE, _PULL = "{entry}", "{sample}", "{pull}"


def _counter(unit: str, text: str, *labels: str) -> dict[str, Any]:
    return {"kind": "counter", "unit": unit, "help": text, "labels": labels}


def _gauge(merge: str, unit: str, text: str, *labels: str) -> dict[str, Any]:
    return {"kind": "gauge", "unit": unit, "help": text, "labels": labels, "merge": merge}


METRICS: Mapping[str, Mapping[str, Any]] = {
    "entries.collected": _counter(_ENTRY, "Entries collected for an adapter.", "adapter"),
    "entries.recovered": _counter(
        _ENTRY, "Entries that an earlier process left in the spool.", "adapter"
    ),
    "entries.delivered": _counter(
        _ENTRY, "Entries whose arrival the endpoint confirmed.", "adapter"
    ),
    "entries.unconfirmed": _counter(_ENTRY, "Entries sent without a confirmation.", "adapter"),
    "entries.dropped": _counter(_ENTRY, "Entries given up, by reason.", "adapter", "reason"),
    "entries.queued": _gauge("sum", _ENTRY, "Entries that wait or are in flight.", "adapter"),
    "outbox.size": _gauge("sum", "By", "Encoded bytes that wait to be sent.", "adapter"),
    "spool.size": _gauge("sum", "By", "Size of a spool's files.", "adapter"),
    "spool.works": _gauge(
        "min",
        "1",
        "1 while waiting batches reach the disk, 0 while memory alone holds them.",
        "adapter",
    ),
    "spool.damaged": _counter(
        "{place}", "Places in a spool's files that could not be read.", "adapter"
    ),
    "samples.yielded": _counter(_SAMPLE, "Samples taken.", "consumer", "sampler"),
    "samples.collected": _counter(_SAMPLE, "Samples that became entries.", "consumer", "sampler"),
    "samples.refused": _counter(
        _SAMPLE, "Samples refused, by reason.", "consumer", "sampler", "reason"
    ),
    "pulls": _counter(_PULL, "Pulls that succeeded.", "consumer", "sampler"),
    "pulls.failed": _counter(
        _PULL, "Pulls that did not, by reason.", "consumer", "sampler", "reason"
    ),
    "pull.duration": _gauge(
        "max", "s", "Duration of the last pull that succeeded.", "consumer", "sampler"
    ),
    "uncollected": _gauge(
        "max",
        "1",
        "1 for a sampler that is announced, or enabled, and cannot be collected, by reason.",
        "sampler",
        "reason",
    ),
    "ticks": _counter("{tick}", "Rounds of pulls.", "consumer"),
    "ticks.skipped": _counter("{tick}", "Rounds that found one still running.", "consumer"),
    "tick.lag": _gauge("max", "s", "How late the last round began.", "consumer"),
    "threads": _gauge("sum", "{thread}", "Threads the agent uses, abandoned ones included."),
    "threads.abandoned": _gauge("sum", "{thread}", "Threads held by samplers that hang."),
    "thread.failures": _counter("{failure}", "Failures of the agent's threads.", "thread"),
    "log.lost": _counter("{record}", "Log records of the agent that no handler has taken."),
}


def self_metrics(
    channels: Callable[[], Iterable[Channel]],
    consumers: Consumers,
    uncollected: Callable[[], Iterable[Failure]],
) -> dict[str, Any]:
    """Return the sampler of an agent's own metrics."""

    def sample() -> Iterator[tuple[Any, ...]]:
        for channel in filter(lambda each: each.accounted, channels()):
            yield from _ledger(channel)
        for collector in consumers.collectors:
            yield from _pulls(collector)
        for failure in uncollected():
            yield "uncollected", 1, {"sampler": failure.sampler, "reason": failure.reason}
        for consumer, ticker in consumers.tickers().items():
            labels = {"consumer": consumer}
            yield "ticks", ticker.ticks, labels
            yield "ticks.skipped", ticker.schedule.skipped, labels
            yield "tick.lag", ticker.lag, labels
        yield "threads", len(running())
        yield "threads.abandoned", abandoned()
        for thread, times in failures.copy().items():
            yield "thread.failures", times, {"thread": thread}
        yield "log.lost", log.lost

    return {"name": RESERVED, "sample": sample, "metrics": METRICS}


def _ledger(channel: Channel) -> Iterator[tuple[Any, ...]]:
    labels = {"adapter": channel.name}
    balance = channel.balance()
    yield "entries.collected", balance.collected, labels
    yield "entries.recovered", balance.recovered, labels
    yield "entries.delivered", balance.delivered, labels
    yield "entries.unconfirmed", balance.unconfirmed, labels
    for reason, entries in balance.dropped.items():
        yield "entries.dropped", entries, {**labels, "reason": reason}
    yield "entries.queued", balance.queued, labels
    yield "outbox.size", channel.bytes, labels
    if channel.spool is not None:
        yield "spool.size", channel.spool.size, labels
        yield "spool.works", not channel.spool.trouble, labels
        yield "spool.damaged", channel.spool.damaged, labels


def _pulls(collector: Source) -> Iterator[tuple[Any, ...]]:
    groups: dict[str, list[Statistics]] = {}
    for each in collector.statistics():  # samplers of one name differ in constant labels
        groups.setdefault(each.sampler, []).append(each)
    for sampler, alike in groups.items():
        labels = {"consumer": collector.name, "sampler": sampler}
        yield "samples.yielded", sum(each.yielded for each in alike), labels
        yield "samples.collected", sum(each.collected for each in alike), labels
        for reason, samples in _added(each.refused for each in alike).items():
            yield "samples.refused", samples, {**labels, "reason": reason}
        yield "pulls", sum(each.pulls for each in alike), labels
        for reason, pulls in _added(each.failures for each in alike).items():
            yield "pulls.failed", pulls, {**labels, "reason": reason}
        if any(each.pulls for each in alike):
            yield "pull.duration", max(each.seconds for each in alike), labels


def _added(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return total
