"""The input and output of a call, from Python's audit events (:pep:`578`)."""

from __future__ import annotations

import sys
from threading import get_ident
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_IO = ("open", "os.", "socket.", "subprocess.", "shutil.", "sqlite3.")
_heard: dict[int, list[str]] = {}
_hooked: list[bool] = []


def audited(call: Callable[[], Any]) -> list[str]:
    """Return the audit events of input and output that a call causes on this thread."""
    if not _hooked:
        _hooked.append(True)
        sys.addaudithook(_hook)  # it cannot be removed again, and listens only below
    events = _heard[get_ident()] = []
    try:
        call()
    finally:
        del _heard[get_ident()]
    return events


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    del arguments
    if _heard and event.startswith(_IO) and (events := _heard.get(get_ident())) is not None:
        events.append(event)
