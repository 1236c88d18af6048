"""Who forked this process: its program, or foreign code that one of our threads was running.

All foreign code that we call runs on a thread of ours, or in a task that one of them scheduled. A
forked child runs its hooks on the thread that forked, so it can tell. A child forked by a sampler,
an encoder, a sender, a page or a log handler is not one of the program's workers. Threads that
foreign code starts itself are not known here.
"""

from __future__ import annotations

import sys

from sampler._runtime.fork import in_child
from sampler._runtime.native import get_ident
from sampler._runtime.no_fork import inside_no_fork, no_fork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ParamSpec, TypeVar

    P = ParamSpec("P")
    T = TypeVar("T")

__all__ = (
    "call_foreign",
    "children_get_no_agent",
    "end_forked_copy",
    "gets_no_agent",
    "run_as_ours",
)

_our_threads: set[int] = set()
"""Identifiers of our running threads."""
_copy = 0
"""The main thread of a child forked on one of them, of which it is a copy; else 0."""
_childless = False


def gets_no_agent() -> bool:
    """Tell whether this process was forked by foreign code that we ran, or inside ``no_fork``."""
    return _childless


def children_get_no_agent() -> bool:
    """Tell whether a fork of the calling thread would be one of these."""
    return get_ident() in _our_threads or inside_no_fork()


def run_as_ours(call: Callable[..., object], *args: object) -> None:
    """Run ``call`` as a thread of ours: children that it forks are not the program's workers."""
    me = get_ident()
    _our_threads.add(me)
    try:
        with no_fork():  # tasks inherit it, and threads where they inherit the context
            call_foreign(call, *args)
    finally:
        _our_threads.discard(me)


def call_foreign(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call foreign code on a thread of ours; a child that it forked ends when it returns here."""
    try:
        result = call(*args, **kwargs)
    except BaseException as error:
        end_forked_copy(error)
        raise
    end_forked_copy()
    return result


def end_forked_copy(error: BaseException | None = None) -> None:
    """End this process if it is a copy of a thread of ours, forked by the code that returned.

    It would go on for ever to pull, to send and to wait beside its parent. Its exit status is that
    of a program that ends the same way.

    Args:
        error: what the foreign code raised.
    """
    if not _copy or _copy != get_ident():
        return
    import os  # loaded by every interpreter that has a site, but not by -S

    status = 0 if error is None else 1
    if isinstance(error, SystemExit):
        status = error.code if type(error.code) is int else int(error.code is not None)
    elif error is not None:
        try:  # noqa: SIM105 - contextlib is not there yet
            sys.excepthook(type(error), error, error.__traceback__)
        except BaseException:  # noqa: S110 - it ends here in any case
            pass
    os._exit(status)


def _ask_who_forked() -> None:
    global _copy, _childless  # noqa: PLW0603
    me = get_ident()
    _copy = me if me == _copy or me in _our_threads else 0
    _childless = bool(_copy) or inside_no_fork()
    _our_threads.clear()


in_child(_ask_who_forked)
