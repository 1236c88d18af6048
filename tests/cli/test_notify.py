"""What a service manager is told, and when it wants to hear again."""

from __future__ import annotations

import os
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from sampler.cli.notify import notify, reloading, watchdog
from tests.support.waiting import within

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def manager(path: str) -> Iterator[socket.socket]:
    """Listen where a service manager does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(path)
        ear.settimeout(30)
        yield ear


@pytest.mark.parametrize("abstract", [False, True])
def test_assignments_are_one_datagram(tmp_path, monkeypatch, abstract) -> None:
    """A line for each, to a socket of the file system or an abstract one."""
    name = f"sampler-test-notify-{os.getpid()}"
    path, shown = (f"\0{name}", f"@{name}") if abstract else (str(tmp_path / "n"),) * 2
    monkeypatch.setenv("NOTIFY_SOCKET", shown)
    with manager(path) as ear:
        notify("READY=1", "STATUS=it runs")
        assert ear.recv(4096) == b"READY=1\nSTATUS=it runs"


@pytest.mark.parametrize("address", ["", "relative", "tcp:1.2.3.4"])
def test_what_is_no_address_of_a_manager_is_let_be(tmp_path, monkeypatch, address) -> None:
    """Nor is a file of that name in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    if not address:
        monkeypatch.delenv("NOTIFY_SOCKET")
    with manager("relative") as ear:
        notify("READY=1")
        ear.setblocking(False)
        with pytest.raises(BlockingIOError):
            ear.recv(4096)


def test_a_manager_that_does_not_listen_holds_nobody_up(tmp_path, monkeypatch) -> None:
    """One that is gone, and one whose queue is full."""
    path = str(tmp_path / "n")
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    notify("READY=1")
    with manager(path), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filler:
        filler.setblocking(False)
        filler.connect(path)
        with pytest.raises(BlockingIOError):
            while True:
                filler.send(b"x")
        with within(1.0):
            notify("WATCHDOG=1")


def test_a_reload_is_told_with_its_moment(tmp_path: Path, monkeypatch) -> None:
    """In microseconds of the monotonic clock, by which systemd knows that it is a new one."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "n"))
    with manager(str(tmp_path / "n")) as ear:
        before = time.clock_gettime(time.CLOCK_MONOTONIC)
        reloading()
        after = time.clock_gettime(time.CLOCK_MONOTONIC)
        first, second = ear.recv(4096).decode().splitlines()
    assert first == "RELOADING=1"
    name, _, moment = second.partition("=")
    assert name == "MONOTONIC_USEC"
    assert before * 1e6 - 1 <= int(moment) <= after * 1e6


@pytest.mark.parametrize("pid", [None, "", "mine"])
def test_the_watchdog_wants_two_signs_of_life_in_its_time(monkeypatch, pid) -> None:
    """One may be late: sd_watchdog_enabled(3) asks for half of it."""
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    if pid is not None:
        monkeypatch.setenv("WATCHDOG_PID", pid and str(os.getpid()))
    assert watchdog() == 15.0
    monkeypatch.setenv("WATCHDOG_USEC", "1")
    assert watchdog() == 0.5e-6


@pytest.mark.parametrize(
    ("time_", "pid"),
    [(None, None), ("", None), ("0", None), ("soon", None), ("-1", None), ("30000000", "1")],
)
def test_without_a_watchdog_of_this_process_nothing_is_wanted(monkeypatch, time_, pid) -> None:
    """A child that inherits the variables is not the one that is watched."""
    for name, value in (("WATCHDOG_USEC", time_), ("WATCHDOG_PID", pid)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert watchdog() is None
