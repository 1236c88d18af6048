"""What disks and network interfaces have moved, each byte counted once.

A byte that passes a logical volume, a loop device, a bridge or a tunnel passes a hardware device
as well. So the totals are over hardware devices if any can be seen; otherwise over all others (a
container's interface), without the loopback.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SYSFS = Path("/sys")
_LOOPBACK = ("lo0", "loopback")
NETSTAT = Path("/proc/net/netstat")


def disks(sysfs: Path = SYSFS) -> Iterator[tuple[Any, ...]]:
    """Yield bytes and operations by direction."""
    # Without psutil's memory of earlier reads (nowrap): consumers handle a value that falls.
    each = psutil.disk_io_counters(perdisk=True, nowrap=False) or {}
    names = _hardware(each, sysfs / "block")
    if names:
        found = [each[name] for name in names]
    else:
        total = psutil.disk_io_counters(nowrap=False)
        found = [total] if total else []
    if not found:
        return
    for metric, read, write in (
        ("disk.io", "read_bytes", "write_bytes"),
        ("disk.operations", "read_count", "write_count"),
    ):
        yield metric, _sum(found, read), {"disk.io.direction": "read"}
        yield metric, _sum(found, write), {"disk.io.direction": "write"}


def network(sysfs: Path = SYSFS) -> Iterator[tuple[Any, ...]]:
    """Yield bytes, packets, errors and dropped packets by direction."""
    each = psutil.net_io_counters(pernic=True, nowrap=False)
    names = _hardware(each, sysfs / "class" / "net")
    if not names:
        names = [name for name in each if name != "lo" and not name.lower().startswith(_LOOPBACK)]
    found = [each[name] for name in names]
    if not found:
        return
    for metric, receive, transmit in (
        ("network.io", "bytes_recv", "bytes_sent"),
        ("network.packet.count", "packets_recv", "packets_sent"),
        ("network.errors", "errin", "errout"),
        ("network.packet.dropped", "dropin", "dropout"),
    ):
        yield metric, _sum(found, receive), {"network.io.direction": "receive"}
        yield metric, _sum(found, transmit), {"network.io.direction": "transmit"}


def listeners(netstat: Path = NETSTAT) -> Iterator[tuple[Any, ...]]:
    """Yield connections lost because a backlog was full."""
    lines = netstat.read_text("ascii", "replace").splitlines()
    tables = [line.split() for line in lines if line.startswith("TcpExt:")]
    if len(tables) == 2:  # a line of names and a line of numbers
        found = dict(zip(*tables, strict=False))
        for metric, name in (
            ("tcp.listen.overflows", "ListenOverflows"),
            ("tcp.listen.drops", "ListenDrops"),
        ):
            if name in found:
                yield metric, int(found[name])


def _hardware(names: Mapping[str, object], folder: Path) -> list[str]:
    """Return the names of hardware devices."""
    return [name for name in names if (folder / name.replace("/", "!") / "device").exists()]


def _sum(counters: list[Any], field: str) -> int:
    return sum(getattr(counter, field) for counter in counters)
