"""What /proc says of the processes of a life: all of them carry its mark in their environment."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

MARK = "SAMPLER_LIFE"  # the agent reads no such variable
_FUTEX = {"x86_64": "202", "aarch64": "98"}.get(os.uname().machine, "")
_EPOLL = {"x86_64": ("232", "281"), "aarch64": ("22",)}.get(os.uname().machine, ())


def marked(mark: str) -> set[int]:
    """Return the ids of the live processes whose mark begins so, whoever their parents are."""
    wanted = f"\0{MARK}={mark}".encode()
    return {
        int(folder.name)
        for folder in Path("/proc").iterdir()
        if folder.name.isdigit() and wanted in b"\0" + _read(folder / "environ")
    }


def lives(pid: int) -> bool:
    """Say whether a process has not ended; one whose parent has not asked for its status has."""
    return b"State:\tZ" not in (status := _read(Path(f"/proc/{pid}/status"))) and bool(status)


def command_line(pid: int) -> list[str]:
    """Return the words of a process, none when it has ended."""
    return _read(Path(f"/proc/{pid}/cmdline")).decode(errors="replace").split("\0")[:-1]


def waits_for_a_lock(pid: int) -> bool:
    """Say whether the main thread of a process is in a futex."""
    return _system_call(pid) == _FUTEX


def waits_for_requests(pid: int) -> bool:
    """Say whether the main thread of a process waits for a socket, and no other thread runs.

    Where several threads serve, one of them waits for the socket, and the others for their turn.
    """
    tasks = list(Path(f"/proc/{pid}/task").glob("*"))
    sleeping = all(b") S " in _read(task / "stat") for task in tasks)
    calls = {_system_call(int(task.name)) for task in tasks}
    return sleeping and _system_call(pid) in {_FUTEX, *_EPOLL} and not calls.isdisjoint(_EPOLL)


def kill_all(mark: str) -> None:
    """End what is left of a life."""
    for pid in marked(mark):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _system_call(pid: int) -> str:
    return _read(Path(f"/proc/{pid}/syscall")).split(b" ", 1)[0].decode()


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:  # it has ended
        return b""
