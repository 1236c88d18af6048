"""The built-in ``system`` sampler, held against the kernel and against made-up trees."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from sampler.samplers import _cgroup, _traffic, system
from sampler.samplers.system import SAMPLER
from tests.samplers.reading import consumer_of, read
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux tells it")


def once() -> dict[str, Any]:
    """Read with a consumer of its own, so that nobody's earlier reading stands."""
    with consumer_of(SAMPLER) as consumer:
        return read(consumer)


def by_series(samples) -> dict[str, Any]:
    return {
        name + "".join(f" {value}" for value in (labels[0] if labels else {}).values()): value
        for name, value, *labels in samples
        if value is not None
    }


def test_it_says_what_the_operating_system_says() -> None:
    """CPU, load, memory and swap are those of psutil, in OpenTelemetry's units."""
    earlier, found, later = psutil.cpu_times(), once(), psutil.cpu_times()
    for mode in ("user", "system", "idle"):
        value = found[f'system.cpu.time{{cpu.mode="{mode}"}}']
        assert getattr(earlier, mode) - 3 <= value <= getattr(later, mode) + 3
    assert found["system.cpu.logical.count"] == os.cpu_count()
    assert found['system.cpu.load_average{window="15m"}'] == pytest.approx(
        os.getloadavg()[2], abs=0.5
    )
    memory = psutil.virtual_memory()
    assert found["system.memory.limit"] == memory.total
    assert found["system.memory.available"] == pytest.approx(memory.available, rel=0.3)
    states = [value for name, value in found.items() if name.startswith("system.memory.usage")]
    assert sum(states) == memory.total
    swap = psutil.swap_memory()
    used, free = (
        found[f'system.paging.usage{{system.paging.state="{state}"}}']
        for state in ("used", "free")
    )
    assert used + free == swap.total


@on_linux
def test_linux_tells_more() -> None:
    """Steal, interrupts, waiting, cached memory, dropped packets and full backlogs are there."""
    found = once()
    for mode in ("nice", "iowait", "steal", "interrupt"):
        assert found[f'system.cpu.time{{cpu.mode="{mode}"}}'] >= 0
    for state in ("buffers", "cached"):
        assert found[f'system.memory.usage{{system.memory.state="{state}"}}'] > 0
    assert found['system.network.packet.dropped{network.io.direction="receive"}'] >= 0
    assert found["system.tcp.listen.overflows"] >= 0


def test_counters_start_at_boot_and_never_fall() -> None:
    """Their zero is the boot of the host, the same at each reading."""
    with consumer_of(SAMPLER) as consumer:
        first = consumer.collect()
    with consumer_of(SAMPLER) as consumer:
        second = consumer.collect()
    for (series, before), (again, after) in zip(first, second, strict=True):
        assert str(series) == str(again)
        if series.kind == "counter":
            assert after >= before
            assert series.start == again.start == pytest.approx(psutil.boot_time(), abs=60)


def test_a_little_less_cpu_time_is_no_reset(monkeypatch) -> None:
    """Where the kernel takes some ticks back, the last value stands; a real fall is told."""
    monkeypatch.setattr(system, "_reported", {})
    said = [system._steady("idle", seconds) for seconds in (100.0, 99.9, 100.1, 50.0, 51.0)]
    assert said == [100.0, 100.0, 100.1, 50.0, 51.0]


def test_a_reading_stands_for_its_interval() -> None:
    """Two pulls at once read the host once."""
    with consumer_of(SAMPLER) as consumer:
        began = time.monotonic()
        blocks = [consumer.collect().blocks[0] for _ in range(2)]
        if time.monotonic() - began < system.MIN_INTERVAL:
            assert blocks[0].time == blocks[1].time
        wait_for(lambda: consumer.collect().blocks[0].time > blocks[0].time)


@on_linux
def test_a_full_backlog_shows() -> None:
    """Connections that a listener has no place for are counted."""
    before = once()["system.tcp.listen.overflows"]
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(8):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        wait_for(lambda: once()["system.tcp.listen.overflows"] > before)
        assert once()["system.tcp.listen.drops"] > 0


@on_linux
def test_disks_are_counted_once(tmp_path: Path) -> None:
    """Totals are over hardware; what lies on top of it (partitions, loop devices) is left out."""
    each = psutil.disk_io_counters(perdisk=True, nowrap=False)
    if not each:
        pytest.skip("no disks are to be seen")
    name = max(each, key=lambda name: each[name].read_bytes)
    (tmp_path / "block" / name / "device").mkdir(parents=True)
    found = by_series(_traffic.disks(tmp_path))
    again = psutil.disk_io_counters(perdisk=True, nowrap=False)[name]
    assert each[name].read_bytes <= found["disk.io read"] <= again.read_bytes
    assert each[name].write_count <= found["disk.operations write"] <= again.write_count
    total = psutil.disk_io_counters(nowrap=False)
    assert by_series(_traffic.disks(tmp_path / "none"))["disk.io read"] >= total.read_bytes


@on_linux
def test_networks_are_counted_once(tmp_path: Path) -> None:
    """Totals are over hardware; without any to be seen over all but the loopback."""
    (tmp_path / "class" / "net" / "lo" / "device").mkdir(parents=True)
    earlier = psutil.net_io_counters(pernic=True, nowrap=False)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        with client, listener.accept()[0] as server:
            client.sendall(bytes(100_000))
            server.recv(100_000, socket.MSG_WAITALL)
    found = by_series(_traffic.network(tmp_path))
    assert found["network.io receive"] >= earlier["lo"].bytes_recv + 100_000
    assert found["network.packet.count transmit"] > earlier["lo"].packets_sent
    rest = by_series(_traffic.network(tmp_path / "none"))
    later = psutil.net_io_counters(pernic=True, nowrap=False)
    others = [name for name in earlier if name != "lo"]
    if others:
        assert (
            sum(earlier[name].bytes_recv for name in others)
            <= rest["network.io receive"]
            <= sum(later[name].bytes_recv for name in others)
        )
    else:
        assert not rest


def test_without_these_counters_there_are_none(tmp_path: Path) -> None:
    """A kernel without TcpExt, or with other names, has nothing to say."""
    netstat = tmp_path / "netstat"
    netstat.write_text("TcpExt: SyncookiesSent ListenDrops\nTcpExt: 1 7\nIpExt: A\nIpExt: 2\n")
    assert by_series(_traffic.listeners(netstat)) == {"tcp.listen.drops": 7}
    netstat.write_text("")
    assert not by_series(_traffic.listeners(netstat))


def test_what_cannot_be_read_is_left_out(monkeypatch, tmp_path: Path) -> None:
    """A part that fails costs its own numbers only."""
    monkeypatch.setattr(_traffic.listeners, "__defaults__", (tmp_path / "missing",))
    found = once()
    assert "system.tcp.listen.overflows" not in found
    assert "system.memory.limit" in found


class Tree:
    """A made-up hierarchy of control groups."""

    def __init__(self, root: Path, own: str) -> None:
        self.mount, self.membership = root / "cgroup", root / "membership"
        self.mount.mkdir()
        self.membership.write_text(f"1:name=systemd:/x\n0::{own}\n")
        self.put("", **{"cgroup.controllers": "cpu memory\n"})

    def put(self, group: str, **files: str) -> None:
        folder = self.mount / group
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text)

    def read(self) -> dict[str, Any]:
        return by_series(_cgroup.samples(self.membership, self.mount))


def limited(quota: str = "max 100000", memory: str = "max", throttled: int = 0) -> dict[str, str]:
    return {
        "cpu.max": quota + "\n",
        "cpu.stat": f"usage_usec 9\nnr_periods 50\nnr_throttled {throttled}\n"
        f"throttled_usec {throttled * 1000}\n",
        "memory.max": memory + "\n",
        "memory.current": "1048576\n",
        "memory.events": "low 0\nhigh 1\nmax 2\noom 3\noom_kill 4\noom_group_kill 5\n",
    }


def test_a_control_group_tells_limits_and_throttling(tmp_path: Path) -> None:
    """CPUs, bytes and seconds; how often it was throttled and out of memory."""
    tree = Tree(tmp_path, "/app.slice/web.service")
    tree.put("app.slice/web.service", **limited("150000 100000", "536870912", throttled=2500))
    assert tree.read() == {
        "cgroup.cpu.limit": 1.5,
        "cgroup.cpu.periods": 50,
        "cgroup.cpu.throttled.periods": 2500,
        "cgroup.cpu.throttled.time": 2.5,
        "cgroup.memory.limit": 536870912,
        "cgroup.memory.usage": 1048576,
        "cgroup.memory.events high": 1,
        "cgroup.memory.events max": 2,
        "cgroup.memory.events oom": 3,
        "cgroup.memory.events oom_kill": 4,
    }


def test_the_lowest_limit_around_the_process_binds(tmp_path: Path) -> None:
    """A limit of an outer group is told, with that group's throttling."""
    tree = Tree(tmp_path, "/pod/container/worker")
    tree.put("pod/container/worker", **limited("400000 100000", throttled=1))
    tree.put("pod/container", **limited("200000 100000", "2000000", throttled=2))
    tree.put("pod", **limited("max 100000", "1000000", throttled=3))
    found = tree.read()
    assert found["cgroup.cpu.limit"] == 2
    assert found["cgroup.cpu.throttled.periods"] == 2
    assert found["cgroup.memory.limit"] == 1000000


def test_without_a_limit_usage_is_the_own_group_s(tmp_path: Path) -> None:
    """No limit is no number, not a huge one."""
    tree = Tree(tmp_path, "/own")
    tree.put("own", **limited())
    found = tree.read()
    assert "cgroup.cpu.limit" not in found
    assert "cgroup.memory.limit" not in found
    assert found["cgroup.memory.usage"] == 1048576


@pytest.mark.parametrize("own", ["/", "/../outside", "/docker/of/the/host"])
def test_seen_from_within_a_container(tmp_path: Path, own: str) -> None:
    """The mount itself is the group, whatever path the process has outside."""
    tree = Tree(tmp_path, own)
    tree.put("", **limited("50000 100000", "4096"))
    (tmp_path / "outside").mkdir()
    found = tree.read()
    assert found["cgroup.cpu.limit"] == 0.5
    assert found["cgroup.memory.limit"] == 4096


def test_no_control_group_of_version_2_is_no_failure(tmp_path: Path) -> None:
    """Not mounted, version 1, no membership, files of another form: nothing, or what is left."""
    tree = Tree(tmp_path, "/own")
    tree.put("own", **{"cpu.max": "", "cpu.stat": "nonsense\nnr_periods x\n", "memory.max": "?"})
    assert not tree.read()
    tree.put("own", **limited("100000 100000"))
    assert tree.read()["cgroup.cpu.limit"] == 1
    tree.membership.write_text("4:memory:/own\n")
    assert not tree.read()
    tree.membership.unlink()
    assert not tree.read()
    assert not by_series(_cgroup.samples(tree.membership, tmp_path / "none"))
