"""What systemd is told of a unit of ``Type=notify``: ``sd_notify(3)``."""

from __future__ import annotations

import os
import socket
import time

from sampler._runtime.printable import printable

_DIGITS = 18
"""A longer number in the environment is ignored."""


def notify(*lines: str) -> None:
    """Send assignments such as ``READY=1`` to the service manager; without one, do nothing.

    Args:
        lines: each ``KEY=value``.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):  # an abstract socket
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(1.0)
        try:
            manager.connect(address)
            manager.send("\n".join(map(printable, lines)).encode())
        except OSError:  # the program goes on when its manager is gone
            return


def reloading() -> None:
    """Report that a configuration is being read, until ``READY=1`` is sent."""
    microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    notify("RELOADING=1", f"MONOTONIC_USEC={microseconds}")


def watchdog() -> float | None:
    """Return how many seconds may pass between two ``WATCHDOG=1``; None without a watchdog."""
    pid = os.environ.get("WATCHDOG_PID", "")
    if pid and pid != str(os.getpid()):
        return None
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    if not (microseconds.isdecimal() and len(microseconds) <= _DIGITS and int(microseconds)):
        return None
    return int(microseconds) / 1e6 / 2
