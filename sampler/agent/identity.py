"""The identity that travels beside every snapshot: which process of which service measures.

No two agents of a host have one identity at a time: :mod:`sampler._runtime.instance_lock`. Where
another agent has the configured instance, or where nobody can tell, this process gets another
instance, and the log says so once.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sampler._runtime.instance_lock import lock, unlock
from sampler._runtime.log import log
from sampler._runtime.safe_text import segment
from sampler._runtime.threads import Event
from sampler.agent.roles import STANDALONE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sampler.agent.config.settings import ProgramSettings

_LONGEST = 200
"""Longest service, host or instance, in characters."""
_SLOTS = 10_000
_PATIENCE = 0.2
"""Seconds that a configured instance waits for a process that is about to end."""
_PAUSE = 0.01


class AgentIdentity:
    """The identity of one agent; its instance is locked while the agent runs.

    Args:
        program: what the configuration says of it.
        role: what part this process plays.

    Attributes:
        values: see :func:`identity`; until :meth:`lock` the instance that is wanted.
        forked: the agent takes over in a forked child.
    """

    def __init__(self, program: ProgramSettings, role: str = STANDALONE) -> None:
        self.forked: bool = False
        self._role = role
        self._uuid = os.urandom(16).hex()
        self._locked = False
        self.values: Mapping[str, str] = self._read(program, locked=False)

    def lock(self, program: ProgramSettings) -> None:
        """Take an identity that nobody else has."""
        self.values = self._read(program, locked=True)
        self._locked = True

    def unlock(self) -> None:
        """Give the instance back, if it is locked."""
        if self._locked:
            self._locked = False
            release(self.values)

    def _read(self, program: ProgramSettings, *, locked: bool) -> dict[str, str]:
        service, host, instance = (word or "" for word in configured(program))
        values = identity(service, host, instance, self._role, forked=self.forked, locked=locked)
        return {**values, "uuid": self._uuid}  # one agent's, whatever a reload changes


def configured(program: ProgramSettings) -> tuple[str | None, str | None, str | None]:
    """Return what a configuration says of the identity: service, host and instance."""
    return program.service, program.host, program.instance


def identity(
    service: str = "",
    host: str = "",
    instance: str = "",
    role: str = STANDALONE,
    *,
    forked: bool = False,
    locked: bool = True,
) -> dict[str, str]:
    """Return the identity of this process. It never raises, and needs no folder on Linux.

    Every value can be written as UTF-8: one that is not printable or is longer than 200
    characters is replaced by its readable part and a mark.

    Args:
        service: what runs here; default: the program's name.
        host: where; default: the host's name.
        instance: which of several; default: the lowest slot number no living process of the
            same service holds, so it is stable over restarts and unique at any moment. When
            another process has the one that is given, a number is appended.
        role: what part this process plays.
        forked: ``instance`` is the parent's; a number is appended for the child.
        locked: lock the instance until :func:`release`; otherwise only say what is wanted.

    Returns:
        ``service``, ``host``, ``instance``, ``pid``, ``start`` (epoch seconds), ``role``, and
        ``uuid`` (32 hexadecimal digits that no other agent has), as text.
    """
    service = readable(service or _program())
    instance = readable(instance)
    if locked:
        instance = _lock_instance(service, instance, forked=forked)
    return {
        "service": service,
        "host": readable(host or socket.gethostname()),
        "instance": instance or "0",
        "pid": str(os.getpid()),
        "start": f"{time.time():.3f}",
        "role": role,
        "uuid": os.urandom(16).hex(),
    }


def release(identity: Mapping[str, str]) -> None:
    """Unlock the instance of an identity that this process has."""
    unlock(identity["service"], identity["instance"])


def readable(text: str) -> str:
    """Return a text that fits on one line of UTF-8; two texts never give the same."""
    if len(text) <= _LONGEST and text.isprintable():
        return str(text)
    stem, _, mark = segment(text, _LONGEST).rpartition("-")
    return f"{stem}_{mark}"  # a path would add a second mark to a word that ends in "-" and one


def _program() -> str:
    words = getattr(sys, "argv", None) or ("",)  # an embedding program may set anything
    name = Path(words[0]).stem if isinstance(words[0], str) else ""
    return name if name not in ("", "-c", "__main__") else "python"


def _lock_instance(service: str, instance: str, *, forked: bool) -> str:
    """Lock an instance and return it; another one that is nobody else's if that fails."""
    wanted = "" if forked else instance
    stem = f"{instance}-" if instance else ""
    try:
        if wanted and _lock_patiently(service, wanted):
            return wanted
        found = _lock_lowest(service, stem)
        remedy = "give each its own, or start this one again once the other has ended"
        why = f"{wanted!r} belongs to another process of this host: {remedy}" if wanted else ""
        if not found:
            why = f"all {_SLOTS} slots are taken on this host: find out which program binds them"
    except Exception as error:  # a sandbox, an audit hook, no descriptor left, ...
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        found = ""
        why = f"cannot tell which names are taken ({said}): allow this process unix sockets"
    found = found or stem + os.urandom(8).hex()
    if why:
        log.warning("the instance of service %r is %r in this run: %s", service, found, why)
    return found


def _lock_patiently(service: str, instance: str) -> bool:
    """Lock an instance, waiting a moment for its holder to end; tell whether that succeeded."""
    until = time.monotonic() + _PATIENCE
    while not lock(service, instance):
        if time.monotonic() >= until:
            return False
        Event().wait(_PAUSE)
    return True


def _lock_lowest(service: str, stem: str) -> str:
    """Lock the lowest free slot; return it behind ``stem``, or "" when none is free."""
    for number in range(_SLOTS):
        name = f"{stem}{number}"
        if lock(service, name):
            return name
    return ""
