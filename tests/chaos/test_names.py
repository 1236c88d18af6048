"""Names in any bytes: a program's, a host's, an adapter's, a variable's of the environment."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs
import pytest

from sampler import Registry
from sampler.agent import Agent, Batch
from sampler.agent.config.options import options
from sampler.agent.config.plugins import installed_plugins
from sampler.agent.config.reading import parse
from sampler.agent.config.settings import Settings
from sampler.agent.schedule import phase
from sampler.cli.notify import notify, watchdog
from sampler.exceptions import ConfigurationError, Rejected, Unavailable
from tests.adapters.shapes import block, snapshot_of
from tests.chaos.ledger import check
from tests.support.command import environment, sampler
from tests.support.doubles import LineSink
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[2]
WORDS = {
    "a byte that is no UTF-8": "a\udcff",
    "a lone surrogate": "\ud800.example",
    "a null character": "a\0b",
    "a line": "a\nb\r\n",
    "an escape sequence": "\x1b[31mred",
    "a long one": "a" * 3_000,
    "blanks": "  ",
    "dots": "../..",
    "braces": "{service}%s",
    "not ASCII": "\u00fc\u202e\U0001f600",
}
NEEDED: dict[str, dict[str, Any]] = {
    "graphite": {"host": "127.0.0.1", "port": 1},
    "statsd": {"host": "127.0.0.1", "port": 1},
    "pushgateway": {"url": "http://127.0.0.1:1"},
    "prometheus": {"listen": "127.0.0.1:0"},
    "console": {"stderr": True},
}


def shop() -> Registry:
    registry = Registry()
    sample = lambda: [("orders", 3), ("stock", 2, {"kind": "all"})]
    registry.register({"name": "shop", "sample": sample})
    return registry


def called(word: str, adapters: dict[str, Any]) -> Settings:
    """Return settings of a program with these names, whatever a file of them may hold.

    The names of programs and hosts, which are the defaults, are checked by nobody.
    """
    found = parse({"interval": 60, "samplers": {"enable": ["shop"]}, "adapters": adapters})
    with attrs.validators.disabled():
        program = attrs.evolve(found.program, service=word, host=word, instance=word)
    return attrs.evolve(found, program=program)


@pytest.mark.scenario(62)
@pytest.mark.parametrize("word", [pytest.param(word, id=name) for name, word in WORDS.items()])
def test_service_host_and_instance_may_be_anything(word, tmp_path, caplog) -> None:
    """It starts, delivers everything, keeps a spool and ends; nothing is said of it."""
    with LineSink() as sink:
        where = {"host": "127.0.0.1", "port": sink.port, "spool": str(tmp_path)}
        agent = Agent(called(word, {"graphite": where}), shop())
        agent.start()
        agent.stop()
        balance = agent.balances()["graphite"]
        check(balance, len(sink.lines))
        assert balance.delivered == balance.collected > 0
        assert "encode raised" not in caplog.text
        assert "Traceback" not in caplog.text
    for key in ("service", "host", "instance"):
        assert agent.identity[key].encode()
    (own,) = tmp_path.iterdir()
    assert own.name.isascii()


@pytest.mark.scenario(62)
@pytest.mark.parametrize("word", [pytest.param(word, id=name) for name, word in WORDS.items()])
@pytest.mark.parametrize("kind", NEEDED)
def test_an_adapters_name_may_be_anything(word, kind, caplog) -> None:
    """In threads, logs, labels and its own metrics."""
    found = called("shop", {kind: NEEDED[kind]})
    (adapter_settings,) = found.adapters
    agent = Agent(
        attrs.evolve(found, adapters=(attrs.evolve(adapter_settings, name=word),)), shop()
    )
    agent.start()
    agent.stop(0.0)
    assert agent.balances()[word].holds
    assert "Traceback" not in caplog.text


@pytest.mark.scenario(62)
@pytest.mark.parametrize("kind", NEEDED)
def test_every_text_of_an_adapter_may_be_anything(kind, caplog) -> None:
    """It is refused in one printable line, or neither encoding nor sending raises for it."""
    shot = snapshot_of(block(*[], sampler="shop"))
    judged = 0
    cls = installed_plugins()[kind].load()
    texts = {name for name, option in options(cls).items() if option.kind in (str, dict, tuple)}
    for name in sorted(texts):
        for word in WORDS.values():
            shape = options(cls)[name].kind
            value = word if shape is str else {word: word} if shape is dict else [word]
            judged += 1
            try:
                agent = Agent(called(word, {kind: {**NEEDED[kind], name: value}}), shop())
            except ConfigurationError as error:
                assert str(error).isprintable()
                continue
            adapter = agent.settings.adapters[0].adapter
            if hasattr(adapter, "send"):
                with agent.collector("test", 60.0) as collector:
                    batches = list(adapter.encode(collector.collect(), {}))
                assert sum(each.samples + sum(each.refused.values()) for each in batches)
                list(adapter.encode(shot, {}))
                try:
                    adapter.send(Batch((), 0), 0.2)
                except (Unavailable, Rejected) as error:
                    assert "codec can't encode" not in str(error)
    assert judged >= len(texts) * len(WORDS)
    assert "Traceback" not in caplog.text


@pytest.mark.scenario(62)
def test_real_servers_take_them(carbon, pushgateway) -> None:
    """Each word makes a path and a group of its own, with everything in it."""
    for word in WORDS.values():
        wanted = {
            "graphite": {"host": "127.0.0.1", "port": carbon.line_port},
            "pushgateway": {"url": pushgateway.url, "delete_on_stop": False},
        }
        agent = Agent(called(word, wanted), shop())
        agent.start()
        agent.stop()
        for balance in agent.balances().values():
            assert balance.delivered > 0
            assert not sum(balance.dropped.values()) - balance.dropped["superseded"]
    find = lambda: [path for path in carbon.paths() if path.endswith(".shop.orders")]
    wait_for(lambda: len(find()) == len(WORDS), what="a path for each")
    assert len(pushgateway.groups()) == len(WORDS)


@pytest.mark.scenario(62)
def test_a_gateway_is_told_what_can_be_told() -> None:
    """A label that came as bytes reaches it as UTF-8."""
    labels = {"job": "a\udcff", "grouping": {"b": "\ud800"}}
    agent = Agent(called("shop", {"pushgateway": {**NEEDED["pushgateway"], **labels}}), shop())
    with agent.collector("test", 60.0) as collector:
        (batch,) = agent.settings.adapters[0].adapter.encode(collector.collect(), {})
    path = batch.note.split("/")
    encoded = [each for word, each in pairwise(path) if word.endswith("@base64")]
    assert [base64.urlsafe_b64decode(each).decode() for each in encoded] == ["a?", "?"]


@pytest.mark.scenario(62)
@pytest.mark.parametrize("folder", ["/tmp/a\0b", "/tmp/\ud800"])
def test_a_spool_that_no_path_can_name_is_a_problem_of_the_configuration(folder) -> None:
    """For `check` and `start` alike, in one line."""
    with pytest.raises(ConfigurationError, match=r"adapters\.graphite\.spool: ") as raised:
        parse({"adapters": {"graphite": {"spool": folder}}})
    assert str(raised.value).isprintable()


@pytest.mark.scenario(62)
@pytest.mark.parametrize("word", WORDS.values(), ids=WORDS)
def test_a_phase_is_found_for_any_identity(word) -> None:
    """Also for one that somebody else has made."""
    made = dict.fromkeys(("service", "host", "instance"), word)
    assert 0.0 <= phase(made) < 0.5


@pytest.mark.scenario(62)
@pytest.mark.skipif(sys.platform != "linux", reason="other systems take no such names")
@pytest.mark.parametrize("charset", ["utf-8:strict", "ascii:strict"])
@pytest.mark.parametrize("word", [b"a\n\x1b[31m\xc3\xbc", b"a\xff"])
def test_check_and_run_agree_on_what_came_as_bytes(tmp_path, charset, word) -> None:
    """A variable, a file, an adapter: what `check` finds fine runs, on any terminal."""
    file = os.fsencode(tmp_path) + b"/\xff\n.toml"
    codes = []
    with LineSink() as sink:
        Path(os.fsdecode(file)).write_text(
            'interval = 60\nservice = "${WORD}"\nhost = "${WORD}"\ninstance = "${WORD}"\n'
            '[samplers]\nenable = ["process"]\n'
            '[adapters."\u00fc"]\ntype = "graphite"\nhost = "127.0.0.1"\n'
            f'port = {sink.port}\nspool = "{tmp_path}/${{WORD}}"\n'
            "[adapters.console]\n",
            "utf-8",
        )
        for command in (("check",), ("run", "--once")):
            done = sampler(
                *command,
                "-c",
                os.fsdecode(file),
                WORD=os.fsdecode(word),
                PYTHONIOENCODING=charset,
            )
            codes.append(done.returncode)
            assert "Traceback" not in done.stderr
            assert "\x1b" not in done.stdout + done.stderr
        assert codes == ([0, 0] if sink.lines else [78, 78])


@pytest.mark.scenario(62)
def test_a_service_manager_is_told_of_a_file_whose_name_is_bytes(tmp_path, monkeypatch) -> None:
    """In one line: nothing in a name becomes an assignment of its own."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "n"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "n"))
        notify("READY=1", "STATUS=running with \udcff\nWATCHDOG=trigger")
        said = ear.recv(4096).decode()
    assert said == "READY=1\nSTATUS=running with \\udcff\\nWATCHDOG=trigger"
    monkeypatch.setenv("WATCHDOG_USEC", "9" * 5_000)
    assert watchdog() is None


PROGRAM = """
import json, sampler.agent
agent = sampler.agent.start()
sampler.agent.stop()
(balance,) = agent.balances().values()
print(json.dumps([agent.identity["service"].isprintable(), balance.delivered > 0]))
"""


@pytest.mark.scenario(62)
@pytest.mark.skipif(sys.platform != "linux", reason="other systems take no such names")
def test_a_programs_own_name_may_be_bytes(tmp_path) -> None:
    """A script whose file's name is no UTF-8 and has a line break."""
    script = os.fsencode(tmp_path) + b"/shop\xff\n.py"
    Path(os.fsdecode(script)).write_text(PROGRAM)
    with LineSink() as sink:
        file = tmp_path / "sampler.toml"
        file.write_text(
            'interval = 60\n[samplers]\nenable = ["process"]\n'
            f'[adapters.graphite]\nhost = "127.0.0.1"\nport = {sink.port}\n'
        )
        done = subprocess.run(
            [sys.executable, script],
            env=environment(PYTHONPATH=str(ROOT), SAMPLER_CONFIG=str(file)),
            capture_output=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == [True, True]
        assert all(line.startswith(b"shop_") for line in sink.lines)
