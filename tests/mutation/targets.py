"""What is mutated, and the tests that have to see it."""

from __future__ import annotations

from typing import NamedTuple


class Target(NamedTuple):
    """A file and its tests, the fastest first.

    Attributes:
        file: its path in the repository.
        tests: paths; the run ends with the first test that fails.
    """

    file: str
    tests: tuple[str, ...]


_CONTRACT = (
    *("intake", "samples", "baselines", "limits", "fork", "shared_reads", "exact"),
    *("descriptions", "combining", "owners", "attacks", "two_consumers"),
)


def _contract(*first: str) -> tuple[str, ...]:
    names = dict.fromkeys((*first, *_CONTRACT, "values", "histogram"))
    return tuple(f"tests/contract/test_{name}.py" for name in names)


_PATHS = "tests/adapterkit/test_dotted_paths.py"
_GRAPHITE = ("graphite_exact", "pickles", "graphite_lines", "graphite_points", "gil_yield")
_STATSD = ("statsd_exact", "statsd", "gil_yield")
_PROMETHEUS = ("prometheus_exact", "prometheus_text", "prometheus_openmetrics", "gil_yield")


def _adapters(*names: str) -> tuple[str, ...]:
    return tuple(f"tests/adapters/test_{name}.py" for name in names)


_HTTP = ("hosts", "head", "server", "server_failures")
"""Of the page: what is asked, and what serves."""


def _kit(first: str, *names: str) -> tuple[str, ...]:
    ordered = dict.fromkeys((first, *names) if first in names else names)
    return tuple(f"tests/adapterkit/test_http_{name}.py" for name in ordered)


TARGETS = (
    Target(
        "sampler/agent/delivery/outbox.py",
        (
            "tests/agent/test_outbox.py",
            "tests/agent/test_agent.py",
            "tests/agent/test_reload.py",
        ),
    ),
    Target(
        "sampler/agent/delivery/ledger.py",
        ("tests/agent/test_ledger.py", "tests/agent/test_outbox.py", "tests/agent/test_agent.py"),
    ),
    Target(
        "sampler/agent/delivery/baselines.py",
        (
            "tests/agent/test_baselines.py",
            "tests/agent/test_outbox.py",
            "tests/agent/test_reload.py",
            "tests/agent/test_agent.py",
        ),
    ),
    *(
        Target(
            f"sampler/agent/spool/{name}.py",
            ("tests/chaos/test_spool_damage.py", "tests/agent/test_spool.py"),
        )
        for name in ("records", "segments")
    ),
    Target("sampler/_pull/intake.py", _contract("order")),
    Target("sampler/_pull/known_rows.py", _contract("order")),
    Target("sampler/_pull/unchanged.py", _contract("order")),
    Target("sampler/_pull/admission.py", _contract()),
    Target("sampler/_pull/sample.py", _contract()),
    *(
        Target(f"sampler/_pull/{name}.py", _contract(name, "isolation"))
        for name in ("owners", "increments")
    ),
    Target("sampler/_registry/comparison.py", _contract("registry")),
    Target("sampler/_contract/values.py", _contract("values")),
    Target("sampler/_contract/histogram.py", _contract("histogram", "instruments")),
    Target(
        "sampler/_registry/shared_read.py",
        tuple(
            f"tests/contract/test_{name}.py"
            for name in ("shared_ages", "shared_reads", "async", "samples", "attacks")
        ),
    ),
    Target("sampler/cli/notify.py", ("tests/cli/test_notify.py",)),
    *(
        Target(f"adapters/sampler_graphite/_{name}.py", (*_adapters(*_GRAPHITE), _PATHS))
        for name in ("points", "formats", "layout")
    ),
    *(
        Target(f"adapters/sampler_statsd/_{name}.py", (*_adapters(*_STATSD), _PATHS))
        for name in ("texts", "names")
    ),
    *(
        Target(f"adapters/sampler_prometheus/_{name}.py", _adapters(*_PROMETHEUS))
        for name in ("text", "lines", "exposition")
    ),
    *(
        Target(f"sampler/adapterkit/_http/{name}.py", _kit(name, *_HTTP))
        for name in ("head", "hosts", "exchange", "client_connection", "connections")
    ),
    Target("sampler/adapterkit/http_server.py", _kit("server", *_HTTP)),
    Target(
        "sampler/adapterkit/prometheus_names.py",
        ("tests/adapterkit/test_prometheus_names.py", *_adapters(*_PROMETHEUS)),
    ),
    *(
        Target(
            f"sampler/adapterkit/{name}.py",
            (f"tests/adapterkit/test_{name}.py", *_adapters(*_GRAPHITE, *_STATSD)),
        )
        for name in ("kept_blocks", "packing")
    ),
)
