"""docs/naming.md says what each adapter writes."""

from __future__ import annotations

import re

import pytest

from sampler import Collector, Registry
from sampler_dogstatsd import DogStatsD
from sampler_graphite import Graphite
from sampler_influx import Influx
from sampler_json import JSONLines
from sampler_prometheus._text import TEXT, TextRenderer
from sampler_statsd import StatsD
from tests.examples.pages import ROOT

IDENTITY = {"service": "shop", "host": "web1", "instance": "0", "pid": "1", "role": "standalone"}
ROWS = re.findall(
    r"^\| ([^|`]+(?:, `[^|]+`)?) \| (.+) \| (.+) \|$",
    (ROOT / "docs/naming.md").read_text(),
    re.MULTILINE,
)
ADAPTERS = {
    "Graphite": Graphite,
    "Graphite, `tags = true`": lambda: Graphite(tags=True),
    'Graphite, `paths = { "mypool.*" = "{name}.{state}" }`': lambda: Graphite(
        paths={"mypool.*": "{name}.{state}"}
    ),
    "StatsD": StatsD,
    "StatsD, `tags = true`": lambda: StatsD(tags=True),
    "DogStatsD": DogStatsD,
    "InfluxDB": lambda: Influx(database="shop"),
    "JSON lines": JSONLines,
}


def _remote_write(taken):
    pytest.importorskip("cramjam")
    pytest.importorskip("google.protobuf")
    from sampler_remote_write import RemoteWrite
    from tests.adapters.remote_write_schema import rows

    lines = []
    for labels, _ in (row for batch in RemoteWrite().encode(taken, {}) for row in rows(batch)):
        pairs = ",".join(f'{name}="{labels[name]}"' for name in ("job", "instance"))
        more = f',state="{labels["state"]}"' if "state" in labels else ""
        lines.append(f"{labels['__name__']}{{{pairs}{more}}}")
    return "\n".join(lines)


def _otlp(taken):
    pytest.importorskip("opentelemetry.proto")
    from sampler_otlp import OTLP
    from tests.adapters.otlp_rows import read, rows

    lines = []
    for batch in OTLP().encode(taken, {}):
        for _, metric, _, labels, _ in rows(read(batch)):
            pairs = ",".join(f'{name}="{text}"' for name, text in labels.items())
            lines.append(metric.name + (f"{{{pairs}}}" if pairs else ""))
    return "\n".join(lines)


BINARY = {"OTLP": _otlp, "remote write": _remote_write}


def snapshot():
    """Return what a pool's sampler gives the second time."""
    registry, checkouts = Registry(), iter((0, 3))
    metrics = {"checkouts": {"kind": "counter"}, "connections": {"kind": "gauge"}}

    def sample():
        yield "checkouts", next(checkouts)
        yield "connections", 4, {"state": "idle"}

    registry.register({"name": "mypool", "sample": sample, "metrics": metrics})
    with Collector(registry, identity=IDENTITY) as consumer:
        consumer.collect()
        return consumer.collect()


def test_the_table_has_a_row_for_each():
    """And for the page."""
    assert {row[0].strip() for row in ROWS if row[0].strip()} == {*ADAPTERS, "Prometheus", *BINARY}


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_row_is_what_is_written(row):
    """Each name stands at the beginning of a line, as far as it is given."""
    what, *cells = row
    taken = snapshot()
    if what == "Prometheus":
        written = TextRenderer().render(taken, TEXT).body.decode()
    elif what in BINARY:
        written = BINARY[what](taken)
    else:
        batches = ADAPTERS[what]().encode(taken, {})
        written = "\n".join(f.decode() for batch in batches for f in batch.frames)
    for cell in cells:
        name = re.search("`(.+?)`", cell)[1].replace("\\|", "|")
        assert re.search(rf"^{re.escape(name)}(?=[ :;,|]|$)", written, re.MULTILINE), written
