"""What a forked child does first: new locks, counts at zero, nothing of its parent's.

:func:`os.register_at_fork` sees every fork that Python makes. uWSGI forks in C and calls
``uwsgi.post_fork_hook``, which is chained; whichever comes first in a child does it.
"""

from __future__ import annotations

import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_calls: list[Callable[[], object]] = []
_chained: list[Callable[[], object]] = []
_pid = 0
_noted = _moment = 0.0


def in_child(call: Callable[[], object]) -> None:
    """Let every forked child call this, in the order of the calls of this function."""
    import os  # loaded by every interpreter that has a site, but not by -S

    global _pid  # noqa: PLW0603
    if not _pid and hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_note, after_in_parent=_forget, after_in_child=_begin)
    _pid = _pid or os.getpid()
    _calls.append(call)
    chain_uwsgi()


def moment() -> float:
    """Return when this process was forked, in epoch seconds; 0.0 when it was not."""
    return _moment


def chain_uwsgi() -> None:
    """Be called by uWSGI after its forks; ``uwsgidecorators`` takes the place when imported."""
    uwsgi = sys.modules.get("uwsgi")
    if uwsgi is None or getattr(uwsgi, "post_fork_hook", None) in _chained:
        return
    before = getattr(uwsgi, "post_fork_hook", None)

    def hook() -> None:
        _begin()
        if before is not None:
            before()

    _chained.append(hook)
    uwsgi.post_fork_hook = hook  # type: ignore[attr-defined]


def _note() -> None:
    global _noted  # noqa: PLW0603
    _noted = time.time()


def _forget() -> None:
    global _noted  # noqa: PLW0603
    _noted = 0.0


def _begin() -> None:
    import os

    global _pid, _noted, _moment
    if _pid == os.getpid():
        return
    _pid, _moment, _noted = os.getpid(), _noted or time.time(), 0.0  # uWSGI says nothing before
    for call in _calls:
        call()
