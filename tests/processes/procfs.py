"""What /proc says of the processes of a life: all of them carry its mark in their environment."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

MARK = "SAMPLER_LIFE"  # the agent reads no such variable
_FUTEX = {"x86_64": "202", "aarch64": "98"}.get(os.uname().machine, "")


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
    return _read(Path(f"/proc/{pid}/syscall")).split(b" ", 1)[0].decode() == _FUTEX


def kill_all(mark: str) -> None:
    """End what is left of a life."""
    for pid in marked(mark):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:  # it has ended
        return b""
