"""Limits of this process' control group (version 2), and how often they were reached.

The lowest limit binds, be it of the process' own group or of one around it. So CPU and memory are
each reported for the group with the lowest limit, or for its own group if there is no limit.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MEMBERSHIP = Path("/proc/self/cgroup")
MOUNT = Path("/sys/fs/cgroup")
_EVENTS = ("high", "max", "oom", "oom_kill")


def samples(membership: Path = MEMBERSHIP, mount: Path = MOUNT) -> Iterator[tuple[Any, ...]]:
    """Yield limits, usage and throttling; nothing if there is no such group.

    Args:
        membership: the file that says which groups a process is in.
        mount: where the hierarchy is mounted.
    """
    groups = _groups(membership, mount)
    if groups:
        yield from _cpu(_lowest(groups, _cpu_limit))
        yield from _memory(_lowest(groups, _memory_limit))


def _groups(membership: Path, mount: Path) -> list[Path]:
    """Return the process' own group and those around it, as far as they can be seen."""
    if not (mount / "cgroup.controllers").is_file():  # not mounted, or version 1
        return []
    paths = [line.removeprefix("0::/") for line in _lines(membership) if line.startswith("0::/")]
    if not paths:
        return []
    # From within a namespace, a group outside of it starts with "..": use the mount instead.
    own = mount if ".." in Path(paths[0]).parts else mount / paths[0]
    around = [own, *own.parents]
    return [group for group in around[: around.index(mount) + 1] if group.is_dir()]


def _lowest(groups: list[Path], limit: Callable[[Path], float | None]) -> Path:
    limits = [(found, i) for i, group in enumerate(groups) if (found := limit(group)) is not None]
    return groups[min(limits)[1] if limits else 0]


def _cpu_limit(group: Path) -> float | None:
    """Return the limit in CPUs, or None."""
    for line in _lines(group / "cpu.max"):
        quota, _, period = line.partition(" ")
        if quota.isdigit() and period.isdigit() and int(period):
            return int(quota) / int(period)
    return None


def _memory_limit(group: Path) -> float | None:
    """Return the limit in bytes, or None."""
    return _number(group / "memory.max")


def _cpu(group: Path) -> Iterator[tuple[Any, ...]]:
    yield "cgroup.cpu.limit", _cpu_limit(group)
    found = _table(group / "cpu.stat")
    yield "cgroup.cpu.periods", found.get("nr_periods")
    yield "cgroup.cpu.throttled.periods", found.get("nr_throttled")
    if "throttled_usec" in found:
        yield "cgroup.cpu.throttled.time", found["throttled_usec"] / 1e6


def _memory(group: Path) -> Iterator[tuple[Any, ...]]:
    yield "cgroup.memory.limit", _memory_limit(group)
    yield "cgroup.memory.usage", _number(group / "memory.current")
    found = _table(group / "memory.events")
    for event in _EVENTS:
        yield "cgroup.memory.events", found.get(event), {"event": event}


def _number(path: Path) -> int | None:
    return next((int(line) for line in _lines(path) if line.isdigit()), None)


def _table(path: Path) -> dict[str, int]:
    """Read lines that have a name and a number."""
    pairs = (line.partition(" ") for line in _lines(path))
    return {name: int(number) for name, _, number in pairs if number.isdigit()}


def _lines(path: Path) -> list[str]:
    """Return the lines of a small file; none if it cannot be read."""
    try:
        return path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
