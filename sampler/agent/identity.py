"""Who measures: the identity that travels beside every snapshot.

No two agents of a host have one identity at a time: :mod:`sampler.agent.claims`. Where another
one has the instance that is configured, or where nobody can know, the instance is another name,
and one line of log says so.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sampler._runtime.log import log
from sampler._runtime.safe_text import segment
from sampler._runtime.threads import Event
from sampler.agent.claims import claim
from sampler.agent.claims import release as _release

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST = 200
"""Characters of a service, host or instance."""
_SLOTS = 10_000
_PATIENCE = 0.2
"""Seconds that a configured instance waits for a process that is about to end."""
_PAUSE = 0.01


def identity(
    service: str = "",
    host: str = "",
    instance: str = "",
    role: str = "process",
    *,
    forked: bool = False,
    claimed: bool = True,
) -> dict[str, str]:
    """Return the identity of this process. It never raises, and needs no folder on Linux.

    A word that is not printable or is longer than 200 characters is replaced by what can be read
    of it and a mark: whoever gets an identity can write it as UTF-8.

    Args:
        service: what runs here; default: the program's name.
        host: where; default: the host's name.
        instance: which of several; default: the lowest slot number no living process of the
            same service holds, so it is stable over restarts and unique at any moment. When
            another process has the one that is given, a number follows it.
        role: what part this process plays.
        forked: ``instance`` is the parent's; the child's is followed by a number.
        claimed: have the instance until :func:`release`; otherwise only say what is wanted.

    Returns:
        ``service``, ``host``, ``instance``, ``pid``, ``start`` (epoch seconds) and ``role``, as
        text.
    """
    service = readable(service or _program())
    instance = readable(instance)
    return {
        "service": service,
        "host": readable(host or socket.gethostname()),
        "instance": _claimed(service, instance, forked=forked) if claimed else instance or "0",
        "pid": str(os.getpid()),
        "start": f"{time.time():.3f}",
        "role": role,
    }


def release(identity: Mapping[str, str]) -> None:
    """Give back the instance that an identity of this process has."""
    _release(identity["service"], identity["instance"])


def readable(text: str) -> str:
    """Return a word that can be written as UTF-8 on one line; of two texts the results differ."""
    if len(text) <= _LONGEST and text.isprintable():
        return str(text)
    stem, _, mark = segment(text, _LONGEST).rpartition("-")
    return f"{stem}_{mark}"  # what ends as a segment's mark does would get another one in a path


def _program() -> str:
    words = getattr(sys, "argv", None) or ("",)  # whoever embeds Python may have put in anything
    name = Path(words[0]).stem if isinstance(words[0], str) else ""
    return name if name not in ("", "-c", "__main__") else "python"


def _claimed(service: str, instance: str, *, forked: bool) -> str:
    """Claim an instance and return it, or another one that is nobody else's."""
    wanted = "" if forked else instance
    stem = f"{instance}-" if instance else ""
    try:
        if wanted and _patiently(service, wanted):
            return wanted
        found = _slot(service, stem)
        remedy = "give each its own, or start this one again once the other has ended"
        why = f"{wanted!r} belongs to another process of this host: {remedy}" if wanted else ""
        if not found:
            why = f"{_SLOTS} other names are taken on this host: look who binds unix sockets"
    except Exception as error:  # a sandbox, an audit hook, no descriptor left, ...
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        found = ""
        why = f"nobody can tell here which names are taken ({said}): let it bind unix sockets"
    found = found or stem + os.urandom(8).hex()
    if why:
        log.warning("the instance of service %r is %r in this run: %s", service, found, why)
    return found


def _patiently(service: str, instance: str) -> bool:
    """Claim a name; tell whether that succeeds before patience ends."""
    until = time.monotonic() + _PATIENCE
    while not claim(service, instance):
        if time.monotonic() >= until:
            return False
        Event().wait(_PAUSE)
    return True


def _slot(service: str, stem: str) -> str:
    """Claim the lowest number that is free, behind a stem; return "" when there is none."""
    for number in range(_SLOTS):
        name = f"{stem}{number}"
        if claim(service, name):
            return name
    return ""
