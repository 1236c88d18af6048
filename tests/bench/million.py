"""A million series, once: how a sample's cost grows, and what they take of memory."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench import population, pulls, timed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bench.pulls import Operation

SMALL, LARGE = 10_000, 1_000_000
ROUNDS = 5


def million(contender: str) -> dict[str, float]:
    """Nanoseconds of a page a sample, at 10,000 and at a million, and bytes of RSS a series."""
    registries = {"ours": population.ours, "prometheus_client": population.prometheus}
    found = {}
    for size in (SMALL, LARGE):
        before = _resident()
        if contender == "bare loop":
            operation = _bare(size)
        else:
            registry, changes = registries[contender](size)
            operation = _page(contender, registry), population.changing(changes, pulls.FEW)
            operation[0]()
            found[f"B at {size}"] = (_resident() - before) / len(changes)
        rounds = ROUNDS * (10 if size == SMALL else 1)
        found[f"ns at {size}"] = timed.in_turns({"": operation}, rounds)[""] / size * 1e9
    found["growth"] = found[f"ns at {LARGE}"] / found[f"ns at {SMALL}"]
    return found


def _page(contender: str, registry: object) -> Callable[[], object]:
    if contender == "ours":
        return pulls.page(registry, "text/plain")
    from prometheus_client import generate_latest

    return lambda: generate_latest(registry)  # type: ignore[arg-type]


def _bare(size: int) -> Operation:
    """Write a line for each of so many names, numbers and labels, a tenth of them new."""
    names = [f"group{i // 1000}_requests_total" for i in range(size)]
    labels = [{"route": f"/r/{i}", "code": "200"} for i in range(size)]
    numbers = [float(i) for i in range(size)]

    def change() -> None:
        for i in population.drawn.sample(range(size), size // 10):
            numbers[i] += 1.0

    def write() -> bytes:
        lines = [
            f'{name}{{route="{each["route"]}",code="{each["code"]}"}} {number}\n'
            for name, each, number in zip(names, labels, numbers, strict=True)
        ]
        return "".join(lines).encode()

    return write, change


def _resident() -> int:
    gc.collect()
    (line,) = (
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmRSS")
    )
    return int(line.split()[1]) * 1024
