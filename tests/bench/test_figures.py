"""Figures in prose are those of the data: each sentence is made of the numbers, and has to stand.

When a benchmark has been run anew, a failure says how the sentence goes now.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

from sampler._contract.bounds import UPPERS
from sampler._runtime import gil_yield
from tests.bench import hot, population, report
from tests.chaos.scenarios import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
README, PERFORMANCE, INSTRUMENTS = "README.md", "docs/performance.md", "docs/instruments.md"
GUARANTEES = "docs/guarantees.md"
RUNS = {
    file.stem.removeprefix("python"): json.loads(file.read_text())["numbers"]
    for file in sorted(ROOT.glob("docs/bench/*.json"))
}
RESULTS = {
    python: {result.row.title: result for result in report.results(numbers)}
    for python, numbers in RUNS.items()
}


def results(title: str) -> list[report.Result]:
    """Return what a row came to, on each Python."""
    return [found[title] for found in RESULTS.values()]


def ratios(*titles: str) -> list[float]:
    """Return how many times as much the best peer took, on each Python."""
    return [result.ratio or 0.0 for title in titles for result in results(title)]


def peer_of(numbers: dict[str, float], name: str) -> float:
    """Return a peer's number with all values new; of runs before it was timed, a tenth."""
    return numbers.get(name, numbers[name.replace("/1/", "/0.1/")])


def least(change: str) -> int:
    """Return how many times as much prometheus_client takes for a page, at least."""
    return math.floor(
        min(
            peer_of(numbers, f"{page}/prometheus_client") / numbers[f"{page}/ours"]
            for numbers in RUNS.values()
            for kind in ("text", "openmetrics")
            for size in (1_000, 10_000, 100_000)
            for page in (f"pull/{kind}/{size}/{change}",)
        )
    )


def growth(who: str) -> float:
    """Return the most that a sample's cost grows by from 1,000 to 100,000 series."""
    return max(
        numbers[name.replace("/1000/", "/100000/")] / small
        for numbers in RUNS.values()
        for name, small in numbers.items()
        if name.startswith("pull/") and "/1000/" in name and name.split("/")[-1].startswith(who)
        if name.replace("/1000/", "/100000/") in numbers
    )


def up(number: float) -> str:
    """Return a number of two decimals that is not less."""
    return f"{math.ceil(number * 100) / 100:.2f}"


def spread(numbers: list[float], digits: int = 0) -> str:
    """Return from where to where numbers go."""
    return f"{min(numbers):.{digits}f} to {max(numbers):.{digits}f}"


def measured(*names: str, unit: str = "ns") -> str:
    """Return cells of a table, from the run on the oldest Python."""
    return " | ".join(f"{RUNS['3.11'][name]:,.0f} {unit}" for name in names)


def comparison() -> Iterator[str]:
    """Yield the rows of the README's comparison that are measured."""
    inc, pipeline = "hot/inc/{}", measured("hot/inc/statsd pipeline")
    four = [inc.format(who) for who in ("ours", "prometheus_client", "opentelemetry", "statsd")]
    yield f"| one `inc()` | {measured(*four)}; {pipeline} in a pipeline |"
    ours, theirs, otel, statsd = (name.replace("hot/inc", "import") + "/ms" for name in four)
    times = measured(ours, theirs, otel, unit="ms")
    yield f"| import | {times} (API) | {measured(statsd, unit='ms')} |"
    idle = measured("memory/ours/counter", "memory/prometheus_client/counter", unit="B")
    yield f"| an idle counter | {idle} | | **none** |"
    page = [f"pull/text/10000/0.1/{who}" for who in ("ours", "prometheus_client", "opentelemetry")]
    yield f"| a page of 10,000 series, a tenth new, per sample | {measured(*page)} | |"
    gauges = "pull/statsd gauges/10000/1"
    both = [RUNS["3.11"][f"{gauges}/{who}"] for who in ("ours", "statsd pipeline")]
    mine, theirs = (f"**{n:,.0f} ns**" if n == min(both) else f"{n:,.0f} ns" for n in both)
    yield f"| 10,000 gauges over UDP, all new, each | {mine} | | | {theirs} |"


def sentences() -> Iterator[tuple[str, str]]:
    """Yield a page and what it has to say."""
    inc = [result.ours for result in results("counter inc")]
    times = f"{spread(inc)} ns"
    yield README, f"An `inc()` costs {times} on a slow virtual machine"
    for row in comparison():
        yield README, row
    yield INSTRUMENTS, f"{times} an `inc()` on a slow virtual machine"
    fastest = math.floor(min(ratios("counter inc")))
    yield README, f"the fastest peer's at least {fastest} times as much"
    yield (
        README,
        (
            f"`prometheus_client` takes at least {least('0.1')} times as long where a tenth of "
            f"the values is new, and {least('1')} times where all are"
        ),
    )
    yield PERFORMANCE, f"within {up(growth('ours'))}x for each row of ours on each Python"
    yield PERFORMANCE, f"samplers' own part (up to {up(growth('samplers alone'))}x"
    yield PERFORMANCE, f"one `bisect` over {len(UPPERS)} bounds"
    yield PERFORMANCE, f"A peer's histogram has {len(hot.BOUNDS)} bounds here"
    yield (
        PERFORMANCE,
        (
            f"{population.COUNTERS} are counters with two labels, {population.GAUGES} gauges, "
            f"{population.FUNCTIONS} gauges with a function, and 200 the lines of "
            f"{population.HISTOGRAMS} histograms"
        ),
    )
    turn, pause = gil_yield._SECONDS * 1e3, gil_yield._PAUSE * 1e6
    yield (
        PERFORMANCE,
        f"every {gil_yield.GIVE_WAY_EVERY:,} samples or {turn:g} ms, with a pause of {pause:g} µs",
    )
    yield GUARANTEES, f"{len(SCENARIOS)} scenarios"
    adapter = ROOT / "examples/adapter/sampler_jsonl/__init__.py"
    yield README, f"a whole one in {len(adapter.read_text().splitlines())} lines"


def test_pages_say_what_the_numbers_say() -> None:
    """Line breaks aside."""
    texts = {page: " ".join((ROOT / page).read_text().split()) for page, _ in sentences()}
    assert [(page, said) for page, said in sentences() if said not in texts[page]] == []


def test_what_is_missed_is_what_the_page_says_is_missed() -> None:
    """``--write`` puts it there."""
    begin, end = report.MISSED
    text = (ROOT / PERFORMANCE).read_text()
    assert text.partition(begin)[2].partition(end)[0] == report.missed(RUNS)
