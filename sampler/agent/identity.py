"""Who measures: the identity that travels beside every snapshot."""

from __future__ import annotations

import os
import re
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sampler.agent.locks import give, take

if TYPE_CHECKING:
    from collections.abc import Mapping


def identity(
    service: str = "", host: str = "", instance: str = "", role: str = "process"
) -> dict[str, str]:
    """Return the identity of this process.

    Args:
        service: what runs here; default: the program's name.
        host: where; default: the host's name.
        instance: which of several; default: the lowest slot number no living process of the
            same service holds, so it is stable over restarts and unique at any moment.
        role: what part this process plays.

    Returns:
        ``service``, ``host``, ``instance``, ``pid``, ``start`` (epoch seconds) and ``role``, as
        text.
    """
    service = service or _program()
    return {
        "service": service,
        "host": host or socket.gethostname(),
        "instance": instance or _slot(service),
        "pid": str(os.getpid()),
        "start": f"{time.time():.3f}",
        "role": role,
    }


def release(identity: Mapping[str, str]) -> None:
    """Give back the slot that an identity of this process holds; without one nothing happens."""
    folder = _folder()
    if folder is not None:
        give(_path(folder, identity))


def _path(folder: Path, identity: Mapping[str, str]) -> Path:
    stem = re.sub(r"[^A-Za-z0-9_-]", "_", identity["service"])[:60]
    return folder / f"{stem}.{identity['instance']}.lock"


def _program() -> str:
    name = Path(sys.argv[0]).stem if sys.argv and sys.argv[0] else ""
    return name if name not in ("", "-c", "__main__") else "python"


def _slot(service: str) -> str:
    folder = _folder()
    if folder is None:
        return str(os.getpid())
    for number in range(10_000):
        try:
            if take(_path(folder, {"service": service, "instance": str(number)})):
                return str(number)
        except OSError:
            continue
        except ImportError:  # no record locks: unique, but not stable
            break
    return str(os.getpid())


def _folder() -> Path | None:
    """Return this user's private folder of locks, or None when there can be none."""
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    folder = Path(base) / f"sampler-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    mine = found.st_uid == os.getuid() and not folder.is_symlink()
    return folder if mine else None
