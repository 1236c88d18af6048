"""Configurations that a program gives: a mapping, settings, and adapters by reference."""

from __future__ import annotations

import sys
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

import sampler.agent
from sampler import ConfigurationError
from sampler.agent import Settings
from sampler.agent.config.given import settings_from
from sampler.agent.config.reading import parse
from tests.support.command import sampler as command
from tests.support.doubles import LineSink
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def stopped() -> Iterator[None]:
    """No agent is left behind."""
    yield
    sampler.agent.stop(0.0)


def problems(config: object) -> str:
    """Return what is wrong with a configuration."""
    with pytest.raises(ConfigurationError) as caught:
        settings_from(config)  # type: ignore[arg-type]
    return "\n".join(caught.value.problems)


def test_a_mapping_is_what_the_file_would_be(tmp_path, monkeypatch) -> None:
    """Variables and secrets included; tuples are lists, None is "not set", nothing is changed."""
    monkeypatch.setenv("SERVICE", "shop")
    given = {
        "service": "${SERVICE}",
        "labels": MappingProxyType({"env": "prod"}),
        "samplers": {"enable": ("process",), "deadline": None},
        "adapters": {"eu": {"type": "graphite", "port": 2103, "quantiles": (0.5,)}},
    }
    before = repr(given)
    found = settings_from(given)
    file = tmp_path / "sampler.toml"
    file.write_text(
        "service = '${SERVICE}'\nlabels.env = 'prod'\n[samplers]\nenable = ['process']\n"
        "[adapters.eu]\ntype = 'graphite'\nport = 2103\nquantiles = [0.5]\n"
    )
    read = settings_from(file)
    assert (found.program, found.samplers, found.adapters) == (
        read.program,
        read.samplers,
        read.adapters,
    )
    assert repr(given) == before


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (3, "expected a file, a mapping or Settings, got int"),
        (["a"], "expected a file, a mapping or Settings, got list"),
        ({1: "a"}, "at the top: 1 is not a key"),
        ({"samplers": {None: 3}}, "samplers: NoneType is not a key"),
        ({"servise": "a"}, "servise: unknown key (did you mean 'service'?)"),
        ({"adapters": {"graphite": {"host": object()}}}, "adapters.graphite.host: expected a s"),
        ({"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": 1}}}}}}}}}, "nested deeper"),
        ({"adapters": []}, "adapters: expected a table"),
    ],
)
def test_what_is_wrong_with_it_is_said(given, said) -> None:
    """As with a file, and with no traceback of ours."""
    assert said in problems(given)


def test_a_mapping_that_holds_itself_ends() -> None:
    """With a problem."""
    endless: dict[str, object] = {}
    endless["a"] = endless
    assert "nested deeper" in problems(endless)


def test_start_takes_a_mapping_or_settings_and_starts_anew_with_them() -> None:
    """The same settings twice: the second agent has adapters that nobody has closed."""
    with LineSink() as sink:
        tables = {
            "interval": 0.1,
            "service": "given",
            "samplers": {"enable": ["process"]},
            "adapters": {"graphite": {"port": sink.port, "self_metrics": "all"}},
        }
        settings = parse(tables)
        for config in (tables, settings, settings):
            seen = len(sink.lines)
            agent = sampler.agent.start(config)
            assert agent.identity["service"] == "given"
            wait_for(lambda seen=seen: len(sink.lines) > seen)
            assert sampler.agent.start(config) is agent
            other = {**tables, "interval": 0.2}
            assert sampler.agent.reload(other).settings.program.interval == 0.2
            (balance,) = sampler.agent.stop().values()
            assert balance.delivered == len(sink.lines) - seen
    assert settings.adapters[0] == parse(tables).adapters[0]


def test_a_start_with_other_settings_says_that_the_agent_keeps_its_own(caplog) -> None:
    """As where a cell of a notebook was edited and runs again; nothing where they are alike."""
    tables = {"service": "given", "adapters": {}}
    agent = sampler.agent.start(tables)
    assert sampler.agent.start(dict(tables)) is sampler.agent.start() is agent
    assert not caplog.records
    assert sampler.agent.start({**tables, "interval": 0.2}) is agent
    assert "with other settings, and goes on with these: sampler.agent.reload" in caplog.text
    caplog.clear()
    sampler.agent.reload(other := {**tables, "interval": 0.3})
    assert sampler.agent.start(dict(other)) is agent
    assert not caplog.records
    sampler.agent.reload(tables)
    assert sampler.agent.push(tables).complete
    assert not caplog.records
    assert sampler.agent.push({**tables, "interval": 0.2}).complete
    assert "with other settings" in caplog.text
    assert agent.settings.program.interval == 10


def test_a_push_says_that_nothing_pushes(caplog) -> None:
    """As with built-in defaults, which are a page."""
    assert sampler.agent.push().complete
    assert "nothing is pushed: no adapter of built-in defaults pushes" in caplog.text


def test_settings_by_hand_are_taken_as_they_are() -> None:
    """Adapters that nobody can make again are used."""
    assert settings_from(Settings()) == Settings()


ADAPTER = """
import attrs
from sampler.agent import DELIVERED, Batch, option
SENT = []

@attrs.define
class Lines:
    "Keep what is sent."
    stamped = True
    colour: str = option("red", "Which.", choices=("red", "blue"))

    def encode(self, snapshot, since):
        yield Batch((b"x",), len(snapshot))

    def send(self, batch, timeout):
        SENT.append(batch.samples)
        return DELIVERED

class Inner:
    Lines = Lines

thing = 3
def function(): pass
"""


@pytest.fixture
def module(tmp_path, monkeypatch) -> Path:
    """A module with an adapter, which no distribution announces."""
    (tmp_path / "given_adapters.py").write_text(ADAPTER)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("given_adapters", None)


@pytest.mark.parametrize("reference", ["given_adapters:Lines", "given_adapters:Inner.Lines"])
def test_an_adapter_may_be_named_by_reference(module, reference) -> None:
    """With keys of its own and those of every adapter."""
    table = {"type": reference, "colour": "blue", "interval": 0.1}
    agent = sampler.agent.start({"adapters": {"mine": table}})
    (mine,) = agent.settings.adapters
    assert (mine.name, mine.type, mine.adapter.colour) == ("mine", reference, "blue")
    sent = sys.modules["given_adapters"].SENT
    wait_for(lambda: sent)
    (balance,) = sampler.agent.stop().values()
    assert balance.delivered == sum(sent)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("given_adapters:Lines2", "has no attribute 'Lines2'"),
        ("given_adapters:thing", "is no adapter: it has no encode() and send()"),
        ("given_adapters:function", "is no adapter: it has no encode() and send()"),
        ("given_adaptors:Lines", "needs 'given_adaptors': is it installed, or in the working"),
        ("given_adapters:", "no adapter 'given_adapters:'"),
        (":Lines", "no adapter ':Lines'"),
        ("a b:c", "no adapter 'a b:c'"),
    ],
)
def test_a_reference_that_leads_nowhere_is_a_problem(module, kind, said) -> None:
    """With its table."""
    assert said in problems({"adapters": {"mine": {"type": kind}}})


def test_the_keys_of_a_reference_are_checked(module) -> None:
    """As those of an installed adapter."""
    table = {"type": "given_adapters:Lines", "color": "blue"}
    said = problems({"adapters": {"mine": table}})
    assert "adapters.mine.color: unknown key (did you mean 'colour'?)" in said


def test_the_command_finds_an_adapter_of_the_working_directory(module) -> None:
    """So such a file can be checked, and run."""
    (module / "sampler.toml").write_text("[adapters.mine]\ntype = 'given_adapters:Lines'\n")
    done = command("check", cwd=module)
    assert (done.returncode, "adapter 'mine': answers" in done.stdout) == (0, True), done.stderr
    once = command("run", "--once", cwd=module)
    assert once.returncode == 0, once.stderr
    assert "mine: " in once.stdout
