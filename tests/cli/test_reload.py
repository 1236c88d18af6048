"""A running command: another configuration by SIGHUP, the service manager, the environment."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
import urllib.request
from contextlib import contextmanager

import pytest

from tests.support.command import running, sampler
from tests.support.doubles import LineSink
from tests.support.waiting import wait_for


@contextmanager
def command(*arguments, cwd, **env):
    """Run the command; yield the process and a function that returns what it has said so far."""
    with running(*arguments, cwd=cwd, **env) as process:
        said = []

        def listen():
            said.extend(iter(process.stdout.readline, ""))

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        try:
            yield process, lambda: "".join(said)
        finally:
            process.kill()
            listener.join(10)


def tell(process, number, said, wanted, times=1):
    """Send a signal; wait for a line."""
    process.send_signal(number)
    wait_for(lambda: len(re.findall(wanted, said())) >= times, what=f"{wanted}: {said()}")


def test_sighup_reads_the_configuration_again(tmp_path) -> None:
    """What is new is started; SIGTERM still ends it with exit 0 and the law."""
    file = tmp_path / "sampler.toml"
    with LineSink() as one, LineSink() as two:
        head = "interval = 0.2\n[adapters.one]\ntype = 'graphite'\n"
        file.write_text(f"{head}port = {one.port}\n")
        with command("run", cwd=tmp_path) as (process, said):
            wait_for(lambda: one.lines, what="the first sink")
            file.write_text(f"{head}port = {one.port}\n[adapters.graphite]\nport = {two.port}\n")
            tell(process, signal.SIGHUP, said, r"reloaded sampler\.toml")
            wait_for(lambda: two.lines, what="the second sink")
            wait_for(lambda: "adapter 'graphite': graphite" in said(), what="its line")
            had = len(one.lines)
            wait_for(lambda: len(one.lines) > had, what="more in the first")
            tell(process, signal.SIGTERM, said, r"graphite: .* delivered")
            assert process.wait(10) == 0
    assert "0 dropped" in said()


def test_a_bad_file_changes_nothing_and_says_why(tmp_path) -> None:
    """All of its problems at once; the next good one is taken."""
    file = tmp_path / "sampler.toml"
    with LineSink() as sink:
        good = f"interval = 0.2\n[adapters.graphite]\nport = {sink.port}\n"
        file.write_text(good)
        with command("run", cwd=tmp_path) as (process, said):
            wait_for(lambda: sink.lines, what="lines")
            file.write_text(f"{good}prot = 1\n[samplers]\nenable = 7\n")
            tell(process, signal.SIGHUP, said, "not reloaded: the previous configuration")
            prot = "adapters.graphite.prot: unknown key (did you mean 'port'?)"
            wait_for(lambda: prot in said(), what="one problem")
            wait_for(lambda: "samplers.enable: expected a list" in said(), what="the other one")
            had = len(sink.lines)
            wait_for(lambda: len(sink.lines) > had, what="more lines")
            file.write_text("[[")
            tell(process, signal.SIGHUP, said, "not reloaded", times=2)
            file.write_text(f'{good}[samplers]\nenable = ["nobody.here:THING"]\n')
            tell(process, signal.SIGHUP, said, "not reloaded", times=3)
            file.unlink()
            file.mkdir()
            tell(process, signal.SIGHUP, said, "not reloaded", times=4)
            file.rmdir()
            file.write_text(good)
            tell(process, signal.SIGHUP, said, r"reloaded sampler\.toml")
            assert process.poll() is None


def test_a_hundred_signals_end_in_one_that_stops(tmp_path) -> None:
    """SIGHUP in a storm, then SIGTERM."""
    (tmp_path / "sampler.toml").write_text("interval = 0.2\n[adapters.console]\n")
    with command("run", cwd=tmp_path) as (process, said):
        wait_for(lambda: "running with" in said(), what="the start")
        for _ in range(100):
            process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


@contextmanager
def manager(path):
    """Stand in for the service manager; yield its address and what it was told."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(path)
        ear.setblocking(False)
        told = []

        def lines():
            while True:
                try:
                    told.extend(ear.recv(4096).decode().splitlines())
                except BlockingIOError:
                    return told

        yield lines


@pytest.mark.parametrize("abstract", [False, True])
def test_a_service_manager_is_told(tmp_path, abstract) -> None:
    """Ready, alive, reloading, stopping."""
    (tmp_path / "sampler.toml").write_text("interval = 0.2\n[adapters.console]\n")
    name = f"sampler-test-{os.getpid()}"
    path, shown = (f"\0{name}", f"@{name}") if abstract else (str(tmp_path / "n"),) * 2
    env = {"NOTIFY_SOCKET": shown, "WATCHDOG_USEC": "200000"}
    with manager(path) as told, command("run", cwd=tmp_path, **env) as (process, said):
        wait_for(lambda: "READY=1" in told(), what="ready")
        assert "STATUS=running with sampler.toml" in told()
        wait_for(lambda: told().count("WATCHDOG=1") > 2, what="the watchdog")
        tell(process, signal.SIGHUP, said, r"reloaded sampler\.toml")
        wait_for(lambda: told().count("READY=1") == 2, what="ready again")
        assert told().index("RELOADING=1") < len(told()) - 1 - told()[::-1].index("READY=1")
        assert any(line.startswith("MONOTONIC_USEC=") for line in told())
        process.send_signal(signal.SIGTERM)
        wait_for(lambda: "STOPPING=1" in told(), what="stopping")
        assert process.wait(10) == 0


def test_a_manager_that_is_gone_is_no_trouble(tmp_path) -> None:
    """Whatever the variable says."""
    (tmp_path / "sampler.toml").write_text("interval = 0.2\n[adapters.console]\n")
    for address in (str(tmp_path / "nobody"), "relative", "@"):
        with command("run", cwd=tmp_path, NOTIFY_SOCKET=address) as (process, said):
            wait_for(lambda said=said: "running with" in said(), what="the start")
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0


def test_the_environment_may_name_the_configuration(tmp_path) -> None:
    """Where none is given; what is given stands."""
    (tmp_path / "a.toml").write_text("[adapters.console]\n")
    (tmp_path / "b.toml").write_text("[adapters.console]\n")
    (tmp_path / "sampler.toml").write_text("[adapters.console]\n")
    named = {"SAMPLER_CONFIG": "a.toml"}
    done = sampler("check", "--no-network", cwd=tmp_path, **named)
    assert done.stdout.startswith("a.toml: fine")
    done = sampler("check", "--no-network", "-c", "b.toml", cwd=tmp_path, **named)
    assert done.stdout.startswith("b.toml: fine")
    assert sampler("check", "--no-network", cwd=tmp_path).stdout.startswith("sampler.toml: fine")
    done = sampler("check", cwd=tmp_path, SAMPLER_CONFIG="nowhere.toml")
    assert (done.returncode, "nowhere.toml" in done.stderr) == (78, True)


@pytest.mark.parametrize("value", ["process", " other , process", "*"])
def test_the_environment_may_forbid_samplers(tmp_path, value) -> None:
    """They are not loaded, called or reported; the agent's own account stays."""
    with LineSink() as sink:
        (tmp_path / "sampler.toml").write_text(
            f'[samplers]\nenable = ["process"]\n[adapters.graphite]\n'
            f'port = {sink.port}\nprefix = ""'
        )
        assert sampler("run", "--once", cwd=tmp_path).returncode == 0
        assert any(line.startswith(b"process.") for line in sink.lines)
        had = len(sink.lines)
        done = sampler("run", "--once", cwd=tmp_path, SAMPLER_DISABLE=value)
        assert done.returncode == 0
        later = sink.lines[had:]
        assert later
        assert all(line.startswith(b"sampler.") for line in later)


def test_a_forbidden_sampler_that_does_not_exist_is_no_problem(tmp_path) -> None:
    """Forbidding is how an operator gets past a broken one."""
    (tmp_path / "sampler.toml").write_text(
        '[samplers]\nenable = ["broken.module:S", "process"]\n[adapters.console]\n'
    )
    assert sampler("check", "--no-network", cwd=tmp_path).returncode == 78
    done = sampler("check", "--no-network", cwd=tmp_path, SAMPLER_DISABLE="broken.module:S")
    assert done.returncode == 0, done.stderr


def test_metrics_are_served_across_a_reload(tmp_path) -> None:
    """Not one of the scrapes that go on meanwhile is refused."""
    file = tmp_path / "sampler.toml"
    text = '[adapters.prometheus]\nlisten = "127.0.0.1:{port}"\n'
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    file.write_text(text.format(port=port))
    with command("run", cwd=tmp_path) as (process, said):
        wait_for(lambda: "running with" in said(), what="the start")
        url, failed, scrapes, over = f"http://127.0.0.1:{port}/metrics", [], [], threading.Event()

        def scrape():
            while not over.is_set():
                try:
                    with urllib.request.urlopen(url, timeout=10) as answer:
                        scrapes.append(answer.status)
                except OSError as error:
                    failed.append(error)

        thread = threading.Thread(target=scrape)
        thread.start()
        try:
            for number in range(1, 4):
                had = len(scrapes)
                wait_for(lambda had=had: len(scrapes) > had + 3, what="scrapes")
                file.write_text(text.format(port=port) + f"timeout = {number}.5\n")
                tell(process, signal.SIGHUP, said, r"reloaded sampler\.toml", times=number)
        finally:
            over.set()
            thread.join(20)
        assert not failed
