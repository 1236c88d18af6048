"""Label values that appear while a program runs, and what a pull costs afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.bench import pulls, timed

if TYPE_CHECKING:
    from tests.bench.pulls import Operation

STEPS = 1, 10, 100
COUNTERS, CHILDREN = 10, 100
ROUNDS, LOOPS = 30, 20


def grown() -> dict[str, float]:
    """Nanoseconds a sample, by how many pulls the label values appeared before."""
    operations = {f"ours, {steps}": _ours(steps) for steps in STEPS}
    operations |= {f"prometheus_client, {steps}": _prometheus(steps) for steps in STEPS}
    return {
        f"{name}/ns": seconds / (COUNTERS * CHILDREN) * 1e9
        for name, seconds in timed.in_turns(operations, ROUNDS, LOOPS).items()
    }


def _ours(steps: int) -> Operation:
    import sampler

    registry = sampler.Registry()
    group = sampler.Instruments("group", registry)
    counters = [group.counter(f"c{i}", labels=("path", "method")) for i in range(COUNTERS)]
    return _appear(steps, counters, sampler.Collector(registry, deadline=60.0).collect)


def _prometheus(steps: int) -> Operation:
    import prometheus_client as peer

    registry = peer.CollectorRegistry()
    names = ["path", "method"]
    counters = [peer.Counter(f"c{i}", "c", names, registry=registry) for i in range(COUNTERS)]
    return _appear(steps, counters, pulls.reading(registry))


def _appear(steps: int, counters: list[Any], collect: Any) -> Operation:
    children = []
    for step in range(steps):
        for counter in counters:
            new = [counter.labels(f"/r/{step}/{i}", "GET") for i in range(CHILDREN // steps)]
            for child in new:
                child.inc(1_000)
            children += new
        collect()
    collect()

    def change() -> None:
        for child in children[::10]:
            child.inc()

    return collect, change
