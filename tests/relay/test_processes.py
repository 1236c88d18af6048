"""Real workers and a real relay: totals are exact through whatever happens to either."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

import pytest

from tests.relay.processes import INTERVAL, Host
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with Host(tmp_path) as host:
        yield host


def test_totals_are_exact_through_the_lives_of_workers(host: Host) -> None:
    """They begin, count, end, are killed, and fork; the host's own counter is there once."""
    host.start_relay()
    workers = [host.start_worker() for _ in range(3)]
    for number, worker in enumerate(workers, 1):
        worker.count(10 * number)
    host.jobs.write_text("x" * 7)
    host.everything_arrives()
    workers[0].end(5)
    workers[1].kill()
    host.everything_arrives()
    late = host.start_worker()
    late.count(4)
    late.fork(6)
    host.jobs.write_text("x" * 9)
    host.everything_arrives()
    wait_for(lambda: host.received("machine.jobs") == 9, what="the host's counter")
    wait_for(lambda: host.last("pool.size") == 10, what="the living ones' gauge")
    page = host.page()
    assert page["server_process_current"] == 2
    assert page["server_process_starts_total"] == 5
    assert page['server_process_exits_total{reason="exit"}'] == 2
    assert page['server_process_exits_total{reason="signal"}'] == 1
    assert page['server_process_exits_total{reason="lost"}'] == 0


def test_the_log_tells_which_seconds_of_a_killed_worker_may_be_missing(host: Host) -> None:
    """Those since its last report; of a worker that ends in order it tells nothing."""
    host.start_relay()
    killed, ended = host.start_worker(), host.start_worker()
    host.everything_arrives()
    ended.end(1)
    killed.kill()
    wait_for(lambda: "without a word" in host.log(), what="the relay's line")
    (line,) = [each for each in host.log().splitlines() if "without a word" in each]
    told = re.search(r"process (\d+) has ended .* in its last ([\d.]+) s may be missing", line)
    assert told is not None, line
    assert int(told[1]) == killed.process.pid
    assert 0 <= float(told[2]) < 30


def test_the_law_holds_across_processes(host: Host) -> None:
    """What processes have delivered, by their own account, is what the relay has received."""
    host.start_relay()
    workers = [host.start_worker() for _ in range(3)]
    for worker in workers:
        worker.count(2)
    host.everything_arrives()
    delivered = float(sum(worker.end(1) for worker in workers))
    host.everything_arrives()
    wait_for(lambda: host.received("sampler.relay.entries.received") == delivered)


def test_a_relay_that_is_killed_or_stopped_loses_and_doubles_nothing(host: Host) -> None:
    """Workers count on meanwhile, and go on with it, or with the next one.

    Each life of the relay begins with less than the last one had: else Graphite sees no fall.
    """
    host.start_relay()
    workers = [host.start_worker() for _ in range(2)]

    def count(much: int = 3) -> None:
        for worker in workers:
            worker.count(much)

    count(9)
    host.everything_arrives()
    host.signal_relay(signal.SIGKILL)
    count(1)
    host.start_relay()
    host.everything_arrives()
    count()
    host.everything_arrives()

    host.signal_relay(signal.SIGSTOP)
    count()
    wait_for(lambda: "timed out" in host.workers_log(), what="workers that give it up")
    count()
    host.signal_relay(signal.SIGCONT)
    host.everything_arrives()

    host.signal_relay(signal.SIGTERM)
    count()
    workers[0].kill()
    host.counted -= 3
    host.start_relay()
    workers[1].count(2)
    host.everything_arrives()


def test_who_lives_while_the_relay_is_stopped_leaves_its_numbers_behind(host: Host) -> None:
    """It begins, counts and ends; the relay finds them in its socket when it goes on.

    No line says that something is lost, nor warns: it may be a busy host.
    """
    host.start_relay()
    host.signal_relay(signal.SIGSTOP)
    assert host.start_worker().end(7) == 0
    assert "dropped" not in host.workers_log()
    assert "WARNING" not in host.workers_log()
    host.signal_relay(signal.SIGCONT)
    host.everything_arrives()
    wait_for(lambda: host.page()['server_process_exits_total{reason="exit"}'] == 1)
    assert host.page()["server_process_starts_total"] == 1


def test_who_ends_while_the_relay_is_stopped_is_counted_once(host: Host) -> None:
    """What it said on the connection that it gave up comes first, then its last words."""
    host.start_relay()
    worker = host.start_worker()
    worker.count(9)
    host.everything_arrives()
    host.signal_relay(signal.SIGSTOP)
    worker.count(3)
    wait_for(lambda: "timed out" in host.workers_log(), what="a worker that gives it up")
    worker.end(4)
    host.signal_relay(signal.SIGCONT)
    host.everything_arrives()
    wait_for(lambda: host.page()["server_process_current"] == 0)
    assert host.page()["server_process_starts_total"] == 1


def test_workers_may_be_there_before_the_relay(host: Host) -> None:
    """They count on until it comes."""
    worker = host.start_worker()
    worker.count(6)
    host.start_relay()
    host.everything_arrives()
    worker.end(1)
    host.everything_arrives()


def test_a_worker_that_was_there_first_takes_the_settings_of_the_relay(host: Host) -> None:
    """Its interval and its samplers, and with the first report: it has begun once."""
    text = host.file.read_text()
    host.file.write_text(f'{text}[samplers]\nenable = ["shop", "pool"]\n')
    worker = host.start_worker()
    worker.count(6)
    host.start_relay()
    host.everything_arrives()
    worker.count(2)
    host.everything_arrives()
    page = host.page()
    assert f'sampler_ticks_total{{consumer="{INTERVAL}s"}}' in page
    assert not [name for name in page if name.startswith(("machine_", "process_"))]
    assert page["server_process_starts_total"] == 1
    worker.fork(3)
    worker.end(1)
    host.everything_arrives()


def test_a_forked_process_takes_the_settings_of_a_relay_that_comes_late(host: Host) -> None:
    """What was counted before the fork is its parent's, what came after it its own."""
    text = host.file.read_text()
    host.file.write_text(f'{text}[samplers]\nenable = ["shop", "pool"]\n')
    worker = host.start_worker()
    worker.count(6)
    worker.become_a_child()
    worker.count(3)
    host.start_relay()
    host.everything_arrives()
    worker.count(2)
    host.everything_arrives()
    page = host.page()
    assert (page["shop_orders_total"], page["pool_given_total"]) == (11, 11)
    assert page["shop_seconds_count"] == 11
    assert f'sampler_ticks_total{{consumer="{INTERVAL}s"}}' in page
    assert not [name for name in page if name.startswith(("machine_", "process_"))]
    assert page["server_process_starts_total"] == 2
    worker.fork(4)
    worker.end(1)
    host.everything_arrives()
    assert "built-in settings are used until then" in host.workers_log()
    assert "dropped" not in host.workers_log()


def test_a_worker_that_ends_as_its_relay_comes_reports(host: Host) -> None:
    """With built-in settings."""
    worker = host.start_worker()
    worker.count(6)
    host.start_relay()
    worker.end(1)
    host.everything_arrives()


def test_what_the_host_counts_while_there_is_no_relay_arrives(host: Host) -> None:
    """With the next relay of the same command, by the process that spoke to the last one."""
    host.start_relay("--number", "1")
    workers = [host.start_worker() for _ in range(2)]
    host.everything_arrives()
    wait_for(lambda: host.last("machine.jobs") == 0, what="the beginning")
    host.jobs.write_text("x" * 9)
    wait_for(lambda: host.received("machine.jobs") == 9, what="what the host counts")
    host.signal_relay(signal.SIGKILL)
    host.jobs.write_text("x" * 12)
    workers[1].count(1)
    host.start_relay("--number", "2")
    host.everything_arrives()
    wait_for(lambda: host.received("machine.jobs") == 12, 60.0, "what came between")
    host.jobs.write_text("x" * 13)
    wait_for(lambda: host.received("machine.jobs") == 13, what="what comes now")
