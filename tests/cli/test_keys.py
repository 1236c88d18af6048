"""Every key is in the sample, the schema and the documentation, from one source."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import attrs
import jsonschema
import pytest

from sampler.agent import options
from sampler.agent.config.plugins import installed_plugins
from sampler.agent.config.settings import DeliverySettings, ProgramSettings, SamplersSettings
from sampler.agent.delivery.ledger import REASONS as DROPS
from sampler.cli.config.markdown import markdown
from sampler.cli.config.sample import sample
from sampler.cli.config.schema import schema
from sampler.cli.explain import REASONS
from sampler.cli.keys import sections
from tests.support.command import sampler

ROOT = Path(__file__).parents[2]
CLASSES = {
    "": ProgramSettings,
    "samplers": SamplersSettings,
    **{f"adapters.{name}": plugin.load() for name, plugin in installed_plugins().items()},
}
COMMON = tuple(options(DeliverySettings))


def all_keys():
    """Return (table, key, class) of everything that may stand in a file."""
    for table, cls in CLASSES.items():
        yield from ((table, key, cls) for key in options(cls))
        if table.startswith("adapters."):
            yield from ((table, key, DeliverySettings) for key in COMMON)


def default_of(cls, key):
    """Return what a key has that nobody sets; some adapters cannot be made with nothing."""
    default = attrs.fields_dict(cls)[key].default
    return default.factory() if isinstance(default, attrs.Factory) else default


@pytest.fixture(scope="module")
def judge():
    """Validate against the schema."""
    whole = json.loads(schema())
    jsonschema.Draft202012Validator.check_schema(whole)
    return jsonschema.Draft202012Validator(whole)


def test_every_public_setting_of_an_adapter_is_a_key():
    """An attrs field without an underscore that is no option could not be documented."""
    for cls in CLASSES.values():
        public = {f.name for f in attrs.fields(cls) if f.init and not f.name.startswith("_")}
        assert public == set(options(cls))
        assert all(option.help.endswith(".") for option in options(cls).values())


def test_every_key_is_in_the_sample():
    """With its table, its default and its meaning, and each default is one."""
    text = sample()
    tables = re.split(r"^#? ?\[(.*?)\]$", text, flags=re.MULTILINE)
    found = {"": tables[0], **dict(zip(tables[1::2], tables[2::2], strict=True))}
    *_, common = text.partition("# Every [adapters.NAME] table also takes:")
    for table, key, cls in all_keys():
        where = common if cls is DeliverySettings else found[table]
        assert re.search(rf"^# {key}( = |: not set;)", where, re.MULTILINE), (table, key)


def test_what_the_sample_shows_is_the_default_of_the_class():
    """Each value, by what the class has when it is made with nothing; no other key has one."""
    text = sample()
    tables = re.split(r"^#? ?\[(.*?)\]$", text, flags=re.MULTILINE)
    found = {"": tables[0], **dict(zip(tables[1::2], tables[2::2], strict=True))}
    *_, common = text.partition("# Every [adapters.NAME] table also takes:")
    for table, key, cls in all_keys():
        where = common if cls is DeliverySettings else found[table].partition("# Every ")[0]
        shown = re.search(rf"^# ({key} = .*)$", where, re.MULTILINE)
        default = default_of(cls, key)
        if shown is None:
            assert default is None or options(cls)[key].secret
        else:
            value = tomllib.loads(shown[1])[key]
            assert (tuple(value) if isinstance(value, list) else value) == default, key


def test_the_sample_passes_the_schema_as_it_is_and_uncommented(judge):
    """And each key of it alone."""
    text = sample()
    judge.validate(tomllib.loads(text))
    body, _, common = text.partition("# Every [adapters.NAME] table also takes:")
    key = re.compile(r"^# (\[[a-z._]+\]|[a-z_]+ = .*)$", re.MULTILINE)
    whole = tomllib.loads(key.sub(r"\1", body))
    judge.validate(whole)
    assert set(whole["adapters"]) == set(installed_plugins())
    for line in key.findall(common):
        if not line.startswith("type"):
            judge.validate(tomllib.loads(f"[adapters.console]\n{line}"))


def test_every_key_is_in_the_schema():
    """With its help; secrets are marked."""
    whole = json.loads(schema())
    for table, key, cls in all_keys():
        if table == "":
            properties = whole["properties"]
        elif table == "samplers":
            properties = whole["properties"]["samplers"]["properties"]
        else:
            properties = whole["$defs"][table.removeprefix("adapters.")]["properties"]
        assert properties[key]["description"] == options(cls)[key].help
        assert bool(properties[key].get("writeOnly")) == options(cls)[key].secret


@pytest.mark.parametrize(
    "text",
    [
        "intervall = 1",
        'interval = "10"',
        "interval = 0",
        "[samplers]\nenable = 'process'",
        "[samplers]\nenables = []",
        "[adapters.graphite]\nprot = 1",
        "[adapters.graphite]\nport = 99999",
        "[adapters.graphite]\nprotocol = 'tcp'",
        "[adapters.graphite]\nquantiles = [99]",
        "[adapters.graphite]\npaths = { a = 1 }",
        "[adapters.eu]\nport = 1",
        "[adapters.eu]\ntype = 'graphit'",
        "[adapters.eu]\ntype = 'graphite'\nlisten = 'x:1'",
        "[adapters.graphite]\ntype = 'statsd'\nprotocol = 'udp'",
        "adapters = 1",
    ],
)
def test_what_the_command_refuses_the_schema_refuses(judge, text, tmp_path):
    """So an editor shows it first."""
    assert list(judge.iter_errors(tomllib.loads(text)))
    (tmp_path / "sampler.toml").write_text(text)
    assert sampler("check", "--no-network", cwd=tmp_path).returncode == 78


@pytest.mark.parametrize(
    "text",
    [
        "",
        "interval = 1",
        "interval = '${HOME}'",
        "[adapters.eu]\ntype = 'graphite'\nport = 2103\ninterval = 60",
        "[adapters.graphite]\ntype = 'statsd'\ntransport = 'tcp'",
        "[adapters.graphite]\npaths = { 'a.*' = '{name}' }\nport = '${PORT}'",
        "[adapters.pushgateway]\nusername = 'me'\npassword = 'file:/run/secret'",
    ],
)
def test_what_the_command_takes_the_schema_takes(judge, text):
    """Variables included."""
    judge.validate(tomllib.loads(text))


def test_the_documentation_is_what_the_generator_makes():
    """Run ``sampler config markdown > docs/configuration.md``."""
    assert (ROOT / "docs" / "configuration.md").read_text("utf-8") == markdown()


def test_every_key_is_in_the_documentation():
    """In the table of its section."""
    parts = re.split(r"^## ", markdown(), flags=re.MULTILINE)
    for table, key, cls in all_keys():
        if cls is DeliverySettings:
            (part,) = [part for part in parts if part.startswith("`[adapters.NAME]`")]
        else:
            title = f"`[{table}]`" if table else "At the top"
            (part,) = [part for part in parts if part.startswith(title)]
        assert f"| `{key}` |" in part


@pytest.mark.parametrize("what", ["sample", "schema", "markdown"])
def test_the_command_prints_each(what):
    """And nothing else."""
    done = sampler("config", what)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == {"sample": sample, "schema": schema, "markdown": markdown}[what]()


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("interval", "interval: a number, default: 10.0"),
        ("samplers.enable", "samplers.enable: a list of strings, default: not set"),
        ("adapters.graphite.protocol", "one of plaintext, pickle, udp"),
        ("adapters.eu.timeout", "adapters.NAME.timeout: a number"),
        ("prefix", "adapters.statsd.prefix"),
        ("password", "secret: never shown"),
        ("statsd", "does not carry unit"),
        ("adapters.statsd", "adapter statsd:"),
        ("process", "process.cpu.time"),
        ("process.cpu.time", "unit: s"),
        ("oldest", "the outbox was full"),
    ],
)
def test_a_word_is_explained(word, said):
    """Keys, adapters, samplers, metrics, reasons."""
    done = sampler("explain", word)
    assert done.returncode == 0
    assert said in done.stdout
    assert all(len(line) <= 100 for line in done.stdout.splitlines())


def test_what_is_not_known_has_a_suggestion():
    """Exit 2."""
    done = sampler("explain", "prefx")
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean 'prefix'?" in done.stderr


def test_a_clause_is_looked_up_in_the_draft():
    """Which does not have this one."""
    done = sampler("explain", "c-99")
    assert (done.returncode, done.stdout) == (2, "")
    assert "draft" in done.stderr


def test_every_reason_is_explained():
    """Of those that exist from the start, and those that a defect brings."""
    assert set(DROPS) <= set(REASONS)


def test_sections_cover_what_is_installed():
    """Each adapter once."""
    names = [section.adapter for section in sections() if section.adapter]
    assert sorted(names) == sorted(installed_plugins())


def test_list_shows_keys_and_unsupported():
    """For programs."""
    done = sampler("list", "adapters", "--json")
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert rows["graphite"]["unsupported"]["kind"].startswith("left out")
    assert rows["graphite"]["keys"]["port"].startswith("Its port")
    assert set(rows["prometheus"]["unsupported"]) == {
        "unit",
        "precision",
        "timestamps",
        "histograms",
    }


def test_a_log_may_be_json(tmp_path):
    """One object a line, whatever is said."""
    (tmp_path / "sampler.toml").write_text(
        '[samplers]\nenable = ["process"]\n[adapters.graphite]\nport = 1\n'
    )
    done = sampler("run", "--once", "--log-format", "json", "-v", cwd=tmp_path)
    assert done.returncode == 69
    records = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    (record,) = [each for each in records if "at the end" in each["message"]]
    assert set(record) == {"time", "level", "logger", "message"}
    assert record["level"] == "warning"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record["time"])


def test_an_exception_in_a_json_log_stays_on_its_line():
    """With its traceback."""
    import logging
    import sys

    from sampler.cli.logs import JSONFormatter

    try:
        raise OSError("away\nfrom here")
    except OSError:
        record = logging.LogRecord("a", logging.ERROR, "", 1, "%s\nlost", ("it",), sys.exc_info())
    line = JSONFormatter().format(record)
    assert "\n" not in line
    assert json.loads(line)["message"] == "it\nlost"
    assert "Traceback" in json.loads(line)["exception"]


def test_without_a_command_help_is_printed():
    """Exit 2, on standard error."""
    done = sampler()
    assert (done.returncode, done.stdout) == (2, "")
    assert "commands:" in done.stderr
