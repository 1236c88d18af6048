"""``fallback = "direct"``: workers push by themselves while the relay is gone. Nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.relay.processes import ROOT, Host
from tests.support.command import environment
from tests.support.doubles import DatagramSink
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with Host(tmp_path, more='fallback = "direct"\n') as host:
        yield host


def pushed_directly(host: Host) -> dict[str, float]:
    """Return the orders that workers have pushed by themselves, by their paths."""
    lines = [line.decode().split() for line in host.sink.lines]
    return {
        path: float(value)
        for path, value, _ in lines
        if path.endswith(".shop.orders") and ".here.relay." not in path
    }


def test_workers_push_by_themselves_while_the_relay_is_gone(host: Host) -> None:
    """What it had, they do not push; what they have pushed, the next one does not get."""
    host.start_relay()
    workers = [host.start_worker() for _ in range(2)]
    for worker in workers:
        worker.count(20)
    host.everything_arrives()
    assert pushed_directly(host) == {}
    host.signal_relay(signal.SIGKILL)
    for worker in workers:
        worker.count(3)
    host.everything_arrives(by_anybody=True)
    for worker in workers:
        worker.count(4)
    host.everything_arrives(by_anybody=True)
    assert sorted(pushed_directly(host).values()) == [7, 7]
    workers[0].fork(2)  # its child has a path of its own
    host.everything_arrives(by_anybody=True)
    host.start_relay()
    wait_for(lambda: host.workers_log().count("delivers again") == 2, what="the relay to be back")
    for worker in workers:
        worker.count(5)
    host.everything_arrives(by_anybody=True)
    assert sorted(pushed_directly(host).values()) == [2, 7, 7]
    for worker in workers:
        worker.end(1)
    host.everything_arrives(by_anybody=True)


def test_what_a_relay_that_hangs_may_have_got_is_not_pushed(host: Host) -> None:
    """It counts that once it goes on, and nothing of what was pushed meanwhile."""
    host.start_relay()
    worker = host.start_worker()
    worker.count(30)
    host.everything_arrives()
    host.signal_relay(signal.SIGSTOP)
    worker.count(5)
    wait_for(lambda: "pushes by itself: graphite" in host.workers_log(), 60.0)
    worker.count(6)
    wait_for(lambda: sum(pushed_directly(host).values()) >= 6, what="what was counted then")
    host.signal_relay(signal.SIGCONT)
    host.everything_arrives(by_anybody=True)
    wait_for(lambda: "delivers again" in host.workers_log(), 60.0)
    worker.count(7)
    host.everything_arrives(by_anybody=True)
    assert 6 <= sum(pushed_directly(host).values()) <= 11


def test_a_worker_that_ends_without_its_relay_has_pushed_all(host: Host) -> None:
    """Also where it did not know that the relay is gone."""
    host.start_relay()
    worker = host.start_worker()
    worker.count(9)
    host.everything_arrives()
    host.signal_relay(signal.SIGKILL)
    worker.end(4)
    host.everything_arrives(by_anybody=True)
    assert list(pushed_directly(host).values()) == [4]


def test_the_relay_may_go_and_come_again_and_again(host: Host) -> None:
    """With an adapter of differences, too; each adds up to what was counted."""
    with DatagramSink() as statsd:
        text = host.file.read_text()
        host.file.write_text(
            f'{text}[adapters.statsd]\nhost = "127.0.0.1"\nport = {statsd.port}\n'
        )

        def added() -> float:
            counts = [line.decode().partition(":") for line in statsd.lines]
            return sum(
                float(value.removesuffix("|c"))
                for path, _, value in counts
                if path.endswith(".shop.orders")
            )

        workers = []
        for life in range(3):
            host.start_relay()
            workers.append(host.start_worker())
            for worker in workers:
                worker.count(60 - 20 * life)  # less than before: else Graphite sees no reset
            wait_for(lambda: added() == host.counted, 60.0, "all, by relay or worker")
            host.signal_relay(signal.SIGKILL if life % 2 else signal.SIGTERM)
            for worker in workers:
                worker.count(2)
            wait_for(lambda: added() == host.counted, 60.0, "all, by the workers")
        for worker in workers:
            worker.end(1)
        assert added() == host.counted


def test_a_file_that_a_worker_cannot_read_costs_a_line(host: Host) -> None:
    """It counts on, and the next relay gets all of it."""
    host.start_relay()
    host.file.rename(host.folder / "hidden")
    worker = host.start_worker()
    (line,) = [line for line in host.workers_log().splitlines() if "relay.fallback" in line]
    assert f"{host.file}: " in line
    assert "let user" in line
    worker.count(8)
    host.everything_arrives()
    host.signal_relay(signal.SIGKILL)
    worker.count(3)
    (host.folder / "hidden").rename(host.file)
    host.start_relay()
    host.everything_arrives()
    assert pushed_directly(host) == {}


_DROPS = """
import os, sys
import sampler.agent
from sampler.agent.config.plugins import installed_plugins
for each in installed_plugins().values():
    each.load()
os.setuid(65_534)
agent = sampler.agent.start()
print([each.name for each in agent.settings.adapters])
sampler.agent.stop()
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can drop its privileges")
@pytest.mark.skipif(
    not all(each.stat().st_mode & 0o001 for each in (Path(sys.prefix), *Path(sys.prefix).parents)),
    reason="another user cannot see what is installed for this Python",
)
def test_a_file_of_roots_alone_stays_so(tmp_path: Path) -> None:
    """A worker of another user reports, and has no adapter of it."""
    more = 'fallback = "direct"\nusers = ["65534"]\n'
    with Host(tmp_path, more=more) as host:
        host.file.chmod(0o600)
        host.start_relay()
        done = subprocess.run(
            [sys.executable, "-c", _DROPS],
            env=environment(PYTHONPATH=str(ROOT), SAMPLER_RELAY=host.address),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert done.stdout == "['relay']\n"
        (line,) = [each for each in done.stderr.splitlines() if str(host.file) in each]
        assert "let user 65534 read that file" in line
        wait_for(lambda: host.page()["server_process_starts_total"] == 1, what="its report")


def test_without_it_workers_wait_for_the_relay(tmp_path: Path) -> None:
    """As ever."""
    with Host(tmp_path) as host:
        host.start_relay()
        worker = host.start_worker()
        worker.count(8)
        host.everything_arrives()
        host.signal_relay(signal.SIGKILL)
        worker.count(3)
        wait_for(lambda: host.address in host.workers_log(), what="the worker to notice")
        host.start_relay()
        host.everything_arrives()
        assert pushed_directly(host) == {}
