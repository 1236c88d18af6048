"""Why a page cannot listen, and which process has its port."""

from __future__ import annotations

import errno
import os

from sampler._runtime.printable import one_line


def bind_problem(error: OSError, address: str = "") -> str:
    """Say why an address cannot be bound, and what to do.

    Args:
        error: what binding raised.
        address: ``host:port``; names the process that has the port.
    """
    if error.errno != errno.EADDRINUSE:
        return f"cannot listen there: {error.strerror or error}"
    return f"the port is in use by {holder(address)}: choose another one, or end that program"


def holder(address: str) -> str:
    """Return which process listens on the port of ``host:port``, as far as this user may know."""
    port = address.rpartition(":")[2]
    if not port.isdecimal():
        return "another program"
    try:
        return _holder(int(port))
    except Exception:  # the kernel does not tell this user
        return "another program"


def _holder(port: int) -> str:
    import psutil

    pids = {
        each.pid
        for each in psutil.net_connections("tcp")
        if each.status == psutil.CONN_LISTEN and each.laddr[1:] == (port,) and each.pid
    }
    if not pids:
        return "another user's program"
    if os.getpid() in pids:
        return "this process itself"
    process = psutil.Process(min(pids))
    words = one_line(" ".join(process.cmdline()) or process.name())
    mine = process.cmdline() == psutil.Process().cmdline()
    what = "another process of this program, " if mine else ""
    return f"{what}process {process.pid} ({words[:80]})"
