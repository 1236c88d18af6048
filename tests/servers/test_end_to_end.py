"""The main job: one program, three real servers, fifteen ticks, every number compared."""

from __future__ import annotations

import json
import math
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.command import environment
from tests.support.ports import free_port
from tests.support.relay import Relay
from tests.support.waiting import wait_for

TICKS = 15
SERVICE = f"itest{os.getpid()}"  # nobody else has its instance 0
PREFIX = f"{SERVICE}.here.0"


class Recording:
    """What the recording adapter, on the same Collector, was handed."""

    def __init__(self, file: Path) -> None:
        self.pulls: list[dict[str, dict[str, Any]]] = []
        for line in file.read_text().splitlines():
            entry = json.loads(line)
            name = path(entry["name"], entry["labels"])
            if not self.pulls or name in self.pulls[-1]:
                self.pulls.append({})
            self.pulls[-1][name] = entry

    def last(self) -> dict[str, dict[str, Any]]:
        """Every series' last entry."""
        last: dict[str, dict[str, Any]] = {}
        for pull in self.pulls:
            last.update(pull)
        return last


def path(name: str, labels: dict[str, str]) -> str:
    """docs/naming.md's rule for Graphite and StatsD; every label value in this test is safe."""
    segments = (f"{key.replace('.', '__')}-{text}" for key, text in sorted(labels.items()))
    return ".".join([PREFIX, name, *segments])


def same(one: float, other: float) -> bool:
    """Integers exactly, floats within 1e-9."""
    if float(one).is_integer():
        return one == other
    return math.isclose(one, other, rel_tol=1e-9)


def kinds(body: str) -> dict[str, str]:
    """Prometheus' name of a metric to its type."""
    return {family.name: family.type for family in text_string_to_metric_families(body)}


@pytest.mark.timeout(240)
def test_every_number_arrives_exactly(carbon, statsd, prometheus_server, python, tmp_path):
    """After so many ticks carbon, statsd and Prometheus hold what the Collector collected."""
    listen = f"127.0.0.1:{free_port()}"
    recording = tmp_path / "recorded.jsonl"
    config = tmp_path / "sampler.toml"
    config.write_text(
        f"""
        interval = 1
        service = "{SERVICE}"
        host = "here"
        instance = "0"
        [samplers]
        enable = ["process", "mypool"]
        [adapters.graphite]
        port = {carbon.line_port}
        self_metrics = "all"
        [adapters.statsd]
        port = {statsd.port}
        self_metrics = "all"
        [adapters.prometheus]
        listen = "{listen}"
        [adapters.recorder]
        type = "jsonl"
        path = "{recording}"
        """
    )
    program = subprocess.Popen(
        [python, Path(__file__).with_name("program.py"), config],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(recording.exists, limit=30, what="the first pull")
        with Relay(f"http://{listen}") as relay:
            prometheus = prometheus_server([f"127.0.0.1:{relay.port}"])
            prometheus.wait_scraped()
            wait_for(
                lambda: len(Recording(recording).pulls) >= TICKS,
                limit=TICKS + 30,
                what=f"{TICKS} ticks",
            )
            program.terminate()
            output, errors = program.communicate(timeout=30)
        bodies = relay.bodies
    finally:
        if program.poll() is None:
            program.kill()
            program.communicate()
    assert program.returncode == 0, errors
    laws = dict(line.split(" ", 1) for line in output.splitlines())
    assert laws == dict.fromkeys(("graphite", "statsd", "prometheus", "recorder"), "True 0 0")

    collected = Recording(recording)
    last = collected.last()
    assert len(collected.pulls) > TICKS
    assert f"{PREFIX}.mypool.checkouts.pool-orders" in last
    carbon_holds_what_was_collected(carbon, last)
    statsd_holds_what_was_collected(statsd, collected, kinds(bodies[-1]))
    prometheus_holds_what_it_was_served(prometheus, bodies)


def carbon_holds_what_was_collected(carbon, last) -> None:
    """Every series' last value is in carbon at its own second, and nothing foreign is."""

    def differing() -> list[tuple[str, object, object]]:
        stored = {
            name: carbon.series(name).get(int(entry["time"])) for name, entry in last.items()
        }
        return [
            (name, entry["value"], stored[name])
            for name, entry in last.items()
            if stored[name] is None or not same(entry["value"], stored[name])
        ]

    # The last pull at stop may be of a second that carbon has written before.
    wait_for(lambda: not differing(), limit=30, what="carbon to write the last points")
    assert differing() == []
    assert set(carbon.paths()) == set(last)


def statsd_holds_what_was_collected(statsd, collected, kinds) -> None:
    """Last gauges are equal; summed differences equal last minus baseline."""
    gauges, sums = statsd.gauges(), statsd.counters_total()
    first, last = collected.pulls[0], collected.last()
    assert statsd.own_counts()["bad_lines_seen"] == 0
    counters = 0
    for name, entry in last.items():
        if is_counter(entry["name"], kinds):
            counters += 1
            baseline = first[name]["value"] if name in first else 0
            increase = entry["value"] - baseline
            assert same(increase, sums.pop(name, 0)), name
        else:
            assert same(entry["value"], gauges.pop(name)), name
    assert counters > 20
    assert not sums, "nothing foreign"
    assert not gauges, "nothing foreign"


def is_counter(name: str, kinds: dict[str, str]) -> bool:
    """Tell from the served TYPE lines, independent of how StatsD was encoded."""
    flat = name.replace(".", "_")
    if flat.endswith("_count"):  # of a gauge; a histogram's is Prometheus' own
        flat = f"{flat.removesuffix('count')}current"
    found = {kind for family, kind in kinds.items() if family == flat or _with_unit(family, flat)}
    assert len(found) == 1, (name, found)
    return found == {"counter"}


def _with_unit(family: str, flat: str) -> bool:
    units = ("seconds", "bytes", "ratio", "percent")
    return any(family == f"{flat}_{unit}" for unit in units)


def prometheus_holds_what_it_was_served(prometheus, bodies) -> None:
    """Scrape by scrape, each stored sample is the one in that body, and none is missing."""
    served: dict[tuple[str, tuple[tuple[str, str], ...]], list[float]] = {}
    for body in bodies:
        for family in text_string_to_metric_families(body):
            for sample in family.samples:
                key = (sample.name, tuple(sorted(sample.labels.items())))
                served.setdefault(key, []).append(sample.value)

    def stored() -> dict[tuple[str, tuple[tuple[str, str], ...]], list[float]]:
        result = {}
        for item in prometheus.query('{job="test"}[10m]'):
            labels = dict(item["metric"])
            name = labels.pop("__name__")
            labels.pop("job")
            labels.pop("instance")
            if name == "up" or name.startswith("scrape_"):
                continue
            key = (name, tuple(sorted(labels.items())))
            result[key] = [float(value) for _, value in item["values"]]
        return result

    wait_for(
        lambda: sum(map(len, stored().values())) == sum(map(len, served.values())),
        limit=60,
        what="Prometheus to store the last scrape",
    )
    kept = stored()
    assert kept.keys() == served.keys()
    for key, values in served.items():
        assert all(map(same, values, kept[key])), key
