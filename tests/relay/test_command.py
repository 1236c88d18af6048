"""``sampler relay`` as whoever starts it meets it, and the settings that its processes get."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.relay.processes import ROOT, Host
from tests.support.command import environment, lacking, sampler
from tests.support.ports import hold_ports
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SHOW = """
import sampler.agent
agent = sampler.agent.start("another.toml")
told = agent.settings
print(told.program.interval, told.program.service, told.samplers.enable, told.samplers.max_series)
print(told.samplers.settings, [(each.name, each.adapter.address) for each in told.adapters])
sampler.agent.stop(0)
"""


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with Host(tmp_path) as host:
        yield host


def show(**env: str) -> tuple[str, str]:
    """Run a process that shows its settings; return what it prints and what it logs."""
    done = subprocess.run(
        [sys.executable, "-c", _SHOW],
        env=environment(**{"PYTHONPATH": str(ROOT), **env}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def test_processes_get_interval_and_samplers_and_never_adapters(host: Host) -> None:
    """Whatever file the application names; a text arrives as the relay's file has it."""
    text = host.file.read_text()
    host.file.write_text(
        f"{text}password = '${{SECRET}}'\n[samplers]\nenable = ['process']\nmax_series = 77\n"
        "[samplers.settings.'shop.pool']\ndsn = '$${literally}'\n".replace(
            "password", "tls_key_password" if "tls_key_password" in text else "# password"
        )
    )
    host.start_relay()
    printed, logged = show(SAMPLER_RELAY=host.address)
    assert printed == (
        f"0.2 {host.service} ('process',) 77\n"
        f"{{'shop.pool': {{'dsn': '${{literally}}'}}}} [('relay', '{host.address}')]\n"
    )
    assert "shop.pool" in logged  # no such sampler takes settings here


def test_without_a_relay_built_in_settings_are_used(host: Host) -> None:
    """And the log says why; the process runs."""
    printed, logged = show(SAMPLER_RELAY=host.address)
    assert printed.startswith("10.0 ")
    assert f"relay {host.address}: none is running there; built-in settings" in logged


def test_an_address_that_is_none_costs_a_line(host: Host) -> None:
    """The application comes first."""
    printed, logged = show(SAMPLER_RELAY="here")
    assert printed.endswith("{} []\n")
    assert "must be an absolute path, or '@' and a name, got 'here'" in logged
    assert "Traceback" not in logged


def test_a_bad_file_ends_it_with_all_problems(tmp_path: Path) -> None:
    """Before anything listens."""
    file = tmp_path / "relay.toml"
    file.write_text(
        "intervall = 1\n[relay]\nsocket = 'here'\nusers = ['nobody-of-that-name']\nretain = -1\n"
        "[adapters.graphite]\nport = 0\n"
    )
    done = sampler("relay", "-c", str(file))
    assert done.returncode == 78
    for words in (
        "intervall: unknown key (did you mean 'interval'?)",
        "relay.socket: must be an absolute path, or '@' and a name, got 'here'",
        "relay.users: this host has no user 'nobody-of-that-name'",
        "relay.retain: must be at least 0",
        "adapters.graphite.port: must be at least 1",
    ):
        assert words in done.stderr


def test_a_second_relay_is_told_of_the_first(host: Host) -> None:
    """In one line."""
    host.start_relay()
    assert host.relay is not None
    done = sampler("relay", "-c", str(host.file))
    assert done.returncode == 78
    wanted = f"relay.socket: process {host.relay.pid} listens at {host.address} already"
    assert wanted in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_inherited_socket_serves_though_a_page_has_no_port(host: Host) -> None:
    """Then the command that it is for comes first: the page is there as soon as it can be."""
    (held,) = hold_ports(1)
    held.listen()
    text = host.file.read_text().replace(f"127.0.0.1:{host.port}", "127.0.0.1:0")
    host.file.write_text(text.replace(":0", f":{held.getsockname()[1]}"))
    with socket.socket(socket.AF_UNIX) as given:
        given.bind("\0" + host.address[1:])
        given.listen()
        host.start_relay("--listen-fd", str(given.fileno()), inherit=given.fileno())
    worker = host.start_worker()
    worker.count(3)
    host.everything_arrives()
    assert "tries again every second" in host.log()
    held.close()


def test_beside_an_inherited_socket_it_listens_where_its_file_says(host: Host) -> None:
    """So a process that the command did not start reports to the command's relay."""
    with socket.socket(socket.AF_UNIX) as given:
        given.bind(f"\0{host.address[1:]}-command")
        given.listen()
        host.start_relay("--listen-fd", str(given.fileno()), inherit=given.fileno())
    for address in (host.address, f"{host.address}-command"):
        host.address = address
        host.start_worker().count(3)
    host.everything_arrives()


def test_a_taken_socket_leaves_the_relay_of_a_command_running(host: Host) -> None:
    """The command comes first; one line says who has the socket."""
    with socket.socket(socket.AF_UNIX) as given, socket.socket(socket.AF_UNIX) as taken:
        taken.bind(f"\0{host.address[1:]}")
        taken.listen()
        given.bind(f"\0{host.address[1:]}-command")
        given.listen()
        host.start_relay("--listen-fd", str(given.fileno()), inherit=given.fileno())
        assert f"listens at {host.address} already" in host.log()
        host.address += "-command"
        host.start_worker().count(3)
        host.everything_arrives()


def test_its_end_flushes_and_leaves_no_file(tmp_path: Path) -> None:
    """What processes have reported right before it arrives."""
    path = tmp_path / "socket"
    with Host(tmp_path, address=str(path)) as host:
        host.start_relay()
        worker = host.start_worker()
        worker.end(5)
        host.signal_relay(signal.SIGTERM)
        assert host.relay is not None
        assert host.relay.returncode == 0
        host.everything_arrives()
        assert not path.exists()


def test_it_reads_its_file_again(host: Host) -> None:
    """At SIGHUP; what processes have counted goes on."""
    host.start_relay()
    worker = host.start_worker()
    worker.count(2)
    host.everything_arrives()
    text = host.file.read_text()
    host.file.write_text(
        text.replace("[relay]", "[samplers]\nmax_series = 5\n[relay]\nretain = 9")
    )
    host.signal_relay(signal.SIGHUP)
    wait_for(lambda: "reloaded" in host.log(), what="the reload")
    worker.count(3)
    host.everything_arrives()
    assert show(SAMPLER_RELAY=host.address)[0].splitlines()[0].endswith(" 5")
    host.file.write_text("nonsense")
    host.signal_relay(signal.SIGHUP)
    wait_for(lambda: "not reloaded" in host.log(), what="the refusal")
    worker.count(1)
    host.everything_arrives()


def test_without_the_package_the_remedy_is_named(tmp_path: Path) -> None:
    """By the command, and by a process that is to report."""
    path = lacking("msgspec", tmp_path)
    done = sampler("relay", PYTHONPATH=path, cwd=tmp_path)
    assert (done.returncode, "pip install 'sampler-api[relay]'" in done.stderr) == (69, True)
    _, logged = show(SAMPLER_RELAY="@x", PYTHONPATH=f"{path}{os.pathsep}{ROOT}")
    assert "pip install 'sampler-api[relay]'" in logged
    assert "Traceback" not in logged


def test_a_relay_says_once_that_nobody_has_reported(host: Host) -> None:
    """With the reasons and the remedy; who comes after that reports as ever."""
    host.start_relay(first="from sampler.relay import server; server.NOBODY = 0.5")
    wait_for(lambda: "no process has reported for 0.5 s" in host.log(), what="the line")
    worker = host.start_worker()
    worker.count(3)
    host.everything_arrives()
    (line,) = [line for line in host.log().splitlines() if "no process" in line]
    assert f"SAMPLER_RELAY={host.address}" in line
