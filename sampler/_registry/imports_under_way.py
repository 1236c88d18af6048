"""Imports that may never end: nobody begins them again.

A thread that imports a module holds that module's lock. Who imports it meanwhile waits; and in a
child that was forked meanwhile it waits for ever, for the thread is not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler._runtime.fork import in_child

if TYPE_CHECKING:
    from typing import Any

    from sampler._registry.announcements import Announcement
    from sampler._runtime.worker import Job, JobBatch

_running: dict[object, str] = {}
"""The modules that are imported now, one for each call of :func:`load`."""
_hung: dict[str, JobBatch] = {}
"""The modules whose import has missed its deadline."""
_lost: set[str] = set()
"""The modules that the parent was importing when this process was forked."""


def load(announcement: Announcement) -> Any:
    """Import what is announced. Runs foreign code."""
    call = object()
    _running[call] = announcement.module
    try:
        return announcement.load()
    finally:
        _running.pop(call, None)


def note_overrun(announcement: Announcement, job: Job) -> None:
    """Note that a call of :func:`load` has missed its deadline, if it has."""
    if job.overran is not None:
        _hung[announcement.module] = job.overran


def stuck(announcement: Announcement) -> bool:
    """Tell whether an import of the module has missed its deadline and not ended since."""
    hung = _hung.get(announcement.module)
    return announcement.module in _lost or (hung is not None and not hung.returned)


def _lose() -> None:
    _lost.update(_running.values())
    _running.clear()
    _hung.clear()


in_child(_lose)
