"""The schema refuses nothing that the agent takes, and shows every key."""

from __future__ import annotations

import json
import tomllib

import jsonschema
import pytest

from sampler.agent.config.reading import parse
from tests.cli.foreign import install
from tests.support.command import sampler

NAMES = ("HOST", "KIND", "PORT", "SWITCH")


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict:
    """The schema where foreign adapters are installed, too."""
    folder = install(tmp_path_factory.mktemp("foreign"))
    done = sampler("config", "schema", PYTHONPATH=folder)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def judge(whole):
    """Whoever validates against it."""
    jsonschema.Draft202012Validator.check_schema(whole)
    return jsonschema.Draft202012Validator(whole)


@pytest.mark.parametrize(
    "text",
    [
        "interval = '${PORT}'",
        "[adapters.eu]\ntype = '${KIND}'\nport = 1",
        "[adapters.graphite]\ntype = '${KIND}'\nport = '2${PORT}'",
        "[adapters.graphite]\nprotocol = '${KIND}'\ntags = '${SWITCH}'",
        "[adapters.statsd]\ntype = 'graphite'\nport = 1\nprotocol = 'udp'",
        "[adapters.eu]\ntype = 'prometheus'\nlisten = '${HOST}:0'\ninterval = 5",
    ],
)
def test_what_the_agent_takes_is_valid(judge, text, monkeypatch) -> None:
    """Variables stand for anything, a type for any table."""
    for name, value in zip(NAMES, ("127.0.0.1", "graphite", "200", "true"), strict=True):
        monkeypatch.setenv(name, value)
    if "protocol = '${KIND}'" in text:
        monkeypatch.setenv("KIND", "udp")
    parse(tomllib.loads(text))
    judge.validate(tomllib.loads(text))


@pytest.mark.parametrize(
    "text",
    [
        "[adapters.plain]\nhost = 3",
        "[adapters.any]\nwhatever = [1]",
        "[adapters.nothing]\ntimeout = 1",
        "[adapters.'o/d~d%41']\ncolour = 'blue'",
        "[adapters.x]\ntype = 'o/d~d%41'\ncolour = 'blue'",
        "[adapters.declared]\nword = 'b'\nwords = ['b', 'a']\nlimits = [1, 2.5]",
        "[adapters.declared]\nnames = { x = 'y' }\nlevel = 3\nratio = 1\nswitch = true",
    ],
)
def test_foreign_adapters_take_what_they_declare(judge, text) -> None:
    """A class without options takes its arguments, whatever their values."""
    judge.validate(tomllib.loads(text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[adapters.plain]\nhots = 3", "'hots' was unexpected"),
        ("[adapters.'o/d~d%41']\nhots = 3", "'hots' was unexpected"),
        ("[adapters.graphite]\nport = 99999", "greater than the maximum of 65535"),
        ("[adapters.graphite]\nport = 'x'", "does not match"),
        ("[adapters.statsd]\ntype = 'graphite'\nprotocl = 'udp'", "'protocl' was unexpected"),
        ("[adapters.declared]\nlimits = [0.5]", "less than the minimum of 1"),
        ("[adapters.declared]\nlevel = 5", "not valid"),
        ("[adapters.nowhere]\ntimeout = 1", "'type' is a required property"),
        ("[adapters.absent]\ntimeout = 1", "'type' is a required property"),
    ],
)
def test_a_mistake_is_named(judge, text, said) -> None:
    """In words that tell what is wrong, as far as a schema can."""
    (error,) = judge.iter_errors(tomllib.loads(text))
    assert said in error.message


def test_every_table_shows_its_keys_where_editors_look(whole) -> None:
    """Beside the conditions, which few editors look behind; the hint itself refuses nothing."""
    named = whole["properties"]["adapters"]["properties"]
    typed = whole["$defs"]["adapters.NAME"]["properties"]
    for name, table in named.items():
        assert table["properties"].keys() == whole["$defs"][name]["properties"].keys()
        assert table["properties"].keys() <= typed.keys()
        assert all(hint["anyOf"][-1] is True for hint in table["properties"].values())
    reference = {"$ref": "#/$defs/graphite/properties/port"}
    assert reference in named["graphite"]["properties"]["port"]["anyOf"]
    assert reference in typed["port"]["anyOf"]


def test_a_secret_is_written_only_and_not_shown(whole) -> None:
    """Not even its default."""
    token = whole["$defs"]["declared"]["properties"]["token"]
    assert token["writeOnly"] is True
    assert "default" not in token
    assert "hunter2" not in json.dumps(whole)


def test_the_sample_holds_foreign_adapters_and_passes(judge, tmp_path) -> None:
    """Every default is TOML of the right kind, and what the agent takes; the rest is "not set"."""
    folder = install(tmp_path)
    done = sampler("config", "sample", PYTHONPATH=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "hunter2" not in done.stdout
    lines = done.stdout.partition("[adapters.declared]\n")[2].partition("\n\n")[0].splitlines()
    text = "\n".join(line[2:] for line in lines if " = " in line)
    table = tomllib.loads(f"[adapters.declared]\n{text}")
    judge.validate(table)
    assert table["adapters"]["declared"]["names"] == {"a.b": 'x "y" \x7f'}
    assert "# limits: not set; a list of numbers, at least 1" in lines
    assert "# token: not set; a string" in lines
