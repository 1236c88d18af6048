"""``sampler.toml``: what is accepted, and what is said of a mistake."""

from __future__ import annotations

import pytest

from sampler import ConfigurationError
from sampler.agent.config.reading import default_settings, parse, read
from tests.support.command import lacking, sampler


def problems(table: dict) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        parse(table, "sampler.toml")
    return list(caught.value.problems)


def test_a_whole_configuration_is_read() -> None:
    """The keys of the issue's example end up where they belong."""
    settings = parse(
        {
            "interval": 10,
            "service": "shop",
            "samplers": {"enable": ["process", "mypool"], "max_series": 50},
            "adapters": {
                "graphite": {"host": "127.0.0.1", "port": 2003, "prefix": "{service}.{host}"},
                "eu": {"type": "graphite", "port": 2103, "interval": 60, "outbox": 65536},
                "prometheus": {"listen": "127.0.0.1:9464"},
            },
        }
    )
    assert settings.program.interval == 10
    assert settings.samplers.enable == ("process", "mypool")
    graphite, eu, prometheus = settings.adapters
    assert (graphite.type, graphite.interval, graphite.adapter.port) == ("graphite", 10, 2003)
    assert (eu.name, eu.type, eu.interval, eu.outbox) == ("eu", "graphite", 60, 65536)
    assert prometheus.adapter.listen == "127.0.0.1:9464"


def test_without_a_configuration_prometheus_listens_on_loopback() -> None:
    """The default is one scraped adapter on 127.0.0.1:9464."""
    (only,) = default_settings().adapters
    assert (only.type, only.adapter.listen) == ("prometheus", "127.0.0.1:9464")


def test_every_problem_is_reported_at_once_with_key_and_remedy() -> None:
    """One line each: unknown keys with a suggestion, types, ranges, adapters."""
    found = problems(
        {
            "intervall": 10,
            "flush_timeout": -1,
            "service": 3,
            "samplers": {"enabled": [], "max_samples": 0, "enable": "process"},
            "adapters": {
                "graphite": {"prot": 2003, "port": 99_999, "host": 5},
                "statsdd": {},
                "x": {"type": "grafite"},
                "prometheus": {"listen": "nonsense"},
                "console": {"interval": True},
            },
        }
    )
    for expected in (
        "intervall: unknown key (did you mean 'interval'?)",
        "flush_timeout: must be at least 0, got -1",
        "service: expected a string, got 3",
        "samplers.enabled: unknown key (did you mean 'enable'?)",
        "samplers.max_samples: must be at least 1, got 0",
        "samplers.enable: expected a list of strings, got 'process'",
        "adapters.graphite.prot: unknown key (did you mean 'port'?)",
        "adapters.graphite.port: must be at most 65535, got 99999",
        "adapters.graphite.host: expected a string, got 5",
        "adapters.console.interval: expected a number, got True",
    ):
        assert expected in found
    assert any(p.startswith("adapters.statsdd: no adapter 'statsdd' (did you mean") for p in found)
    assert any(p.startswith("adapters.x.type: no adapter 'grafite' (did you") for p in found)
    assert any(p.startswith("adapters.prometheus.listen: ") for p in found)
    assert len(found) == 13


@pytest.mark.parametrize(
    "table",
    [
        {"adapters": 3},
        {"adapters": {"console": 3}},
        {"samplers": []},
        {"adapters": {"console": {"type": 3}}},
        {"interval": float("nan")},
        {"interval": float("inf")},
        {"interval": "10"},
        {"adapters": {"console": {"outbox": 1.5}}},
        {"adapters": {"graphite": {"prefix": "{servis}"}}},
        {"adapters": {"graphite": {"prefix": "a b"}}},
        {"adapters": {"graphite": {"prefix": "{service"}}},
    ],
)
def test_one_mistake_gives_one_line(table) -> None:
    """No mistake is reported twice, and each line names its key."""
    (problem,) = problems(table)
    assert problem.split(":")[0].rstrip("0123456789") != ""


def test_a_file_that_cannot_be_used_is_one_clear_line(tmp_path) -> None:
    """Missing, unparsable, not UTF-8, a directory: the file and the reason."""
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read(tmp_path / "absent.toml")
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        read(tmp_path)
    broken = tmp_path / "broken.toml"
    broken.write_text("interval = \n")
    with pytest.raises(ConfigurationError, match=r"broken.toml: is not valid TOML: .*line 1"):
        read(broken)
    broken.write_bytes(b"service = '\xff'\n")
    with pytest.raises(ConfigurationError, match="is not UTF-8 text"):
        read(broken)


def test_an_adapter_without_its_package_names_the_remedy(tmp_path) -> None:
    """A missing dependency is reported with the pip command that installs it."""
    (tmp_path / "sampler.toml").write_text("[adapters.statsd]\n")
    done = sampler("check", cwd=tmp_path, PYTHONPATH=lacking("statsd", tmp_path))
    assert done.returncode == 78
    assert "adapters.statsd: adapter 'statsd' needs 'statsd" in done.stderr
    assert "pip install 'sampler-api[statsd]'" in done.stderr


def test_a_class_constructed_in_code_checks_its_settings_too() -> None:
    """The same rules hold for arguments as for keys."""
    from sampler_graphite import Graphite

    with pytest.raises(ValueError, match="port: must be at most 65535"):
        Graphite(port=70_000)


def test_a_spool_is_a_folder_and_a_bound_of_an_adapter(tmp_path) -> None:
    """Off unless it is asked for."""
    table = {"spool": str(tmp_path), "spool_bytes": 2**20}
    settings = parse({"adapters": {"graphite": table, "eu": {"type": "graphite"}}})
    spooled, plain = settings.adapters
    assert (spooled.spool, spooled.spool_bytes) == (str(tmp_path), 2**20)
    assert (plain.spool, plain.spool_bytes) == (None, 64 * 2**20)


def test_a_spool_that_cannot_work_is_reported_with_all_other_problems() -> None:
    """Adapters that send the newest only, or are scraped; a relative path; too few bytes."""
    found = problems(
        {
            "interval": 0,
            "adapters": {
                "statsd": {"spool": "/var/lib/x", "prot": 1},
                "prometheus": {"spool": "/var/lib/x"},
                "graphite": {"spool": "spool", "spool_bytes": 10},
            },
        }
    )
    assert found == [
        "interval: must be at least 0.1, got 0",
        "adapters.statsd.prot: unknown key (did you mean 'port'?)",
        "adapters.statsd.spool: 'statsd' sends the newest snapshot only: leave it out",
        "adapters.prometheus.spool: 'prometheus' is scraped, and queues nothing: leave it out",
        "adapters.graphite.spool: must be an absolute path, got 'spool'",
        "adapters.graphite.spool_bytes: must be at least 65536, got 10",
    ]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"enable": ["a"]}, "enable: unknown key: it belongs into [samplers]"),
        ({"drop": ["a"]}, "drop: unknown key: it belongs into [samplers]"),
        ({"self_metrics": "none"}, "it belongs into an [adapters.NAME]"),
        (
            {"samplers": {"service": "shop"}},
            "samplers.service: unknown key: it belongs at the top, before the first [table]",
        ),
        ({"samplers": {"labels": {"a": "b"}}}, "it belongs at the top"),
        ({"adapters": {"console": {"labels": {}}}}, "console.labels: unknown key: it belongs at"),
        ({"adapters": {"console": {"enable": []}}}, "it belongs into [samplers]"),
        ({"adapters": {"console": {"host": "a"}}}, "host: unknown key (known: stderr)"),
        ({"samplers": {"enabel": []}}, "samplers.enabel: unknown key (did you mean 'enable'?)"),
    ],
)
def test_a_key_in_the_wrong_table_is_sent_to_its_own(table, said) -> None:
    """What stands behind a [table] belongs to that table, which surprises."""
    (found,) = problems(table)
    assert said in found
