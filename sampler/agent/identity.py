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
    service: str = "",
    host: str = "",
    instance: str = "",
    role: str = "process",
    *,
    forked: bool = False,
) -> dict[str, str]:
    """Return the identity of this process.

    Args:
        service: what runs here; default: the program's name.
        host: where; default: the host's name.
        instance: which of several; default: the lowest slot number no living process of the
            same service holds, so it is stable over restarts and unique at any moment.
        role: what part this process plays.
        forked: ``instance`` is the parent's; the child's is followed by a number.

    Returns:
        ``service``, ``host``, ``instance``, ``pid``, ``start`` (epoch seconds) and ``role``, as
        text.
    """
    service = service or _program()
    if forked and instance:
        instance = _slot(service, f"{instance}-")
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
    return folder / f"{_file(identity['service'])}.{_file(identity['instance'])}.lock"


def _file(word: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", word)[:60]


def _program() -> str:
    name = Path(sys.argv[0]).stem if sys.argv and sys.argv[0] else ""
    return name if name not in ("", "-c", "__main__") else "python"


def _slot(service: str, stem: str = "") -> str:
    folder, unique = _folder(), f"{stem}{os.getpid()}"
    if folder is None:
        return unique
    for number in range(10_000):
        name = f"{stem}{number}"
        try:
            if take(_path(folder, {"service": service, "instance": name})):
                return name
        except OSError:
            continue
        except ImportError:  # no record locks: unique, but not stable
            break
    return unique


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
