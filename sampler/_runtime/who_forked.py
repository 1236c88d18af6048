"""Who has forked this process: its program, or foreign code that a thread of ours was running.

All foreign code that the product calls by itself runs on a thread of ours, or in a task that one
of them has scheduled. The hook of a forked child runs where the fork was made, so it can tell. A
child that a sampler, an encoder, a sender, a page or a handler of the log has forked is none of
the program's workers. Threads that foreign code has started itself are not known.
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

__all__ = ("call_foreign", "end_forked_copy", "gets_no_agent", "run_as_ours")

_our_threads: set[int] = set()
"""The threads of ours that run."""
_copy = 0
"""In a child that was forked on one of them: its main thread, a copy of that one."""
_childless = False


def gets_no_agent() -> bool:
    """Tell whether this process was forked by foreign code that we ran, or inside ``no_fork``."""
    return _childless


def run_as_ours(call: Callable[..., object], *args: object) -> None:
    """Be a thread of ours: what ``call`` forks is none of the program's."""
    me = get_ident()
    _our_threads.add(me)
    try:
        with no_fork():  # its tasks and, where they do that, its threads inherit it
            call_foreign(call, *args)
    finally:
        _our_threads.discard(me)


def call_foreign(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call foreign code on a thread of ours; a forked child that comes back from it ends there."""
    try:
        result = call(*args, **kwargs)
    except BaseException as error:
        end_forked_copy(error)
        raise
    end_forked_copy()
    return result


def end_forked_copy(error: BaseException | None = None) -> None:
    """End this process if it is such a child: what goes on from here is its parent's work.

    A thread of ours would go on to pull, to send and to wait, beside its parent's and for good.
    The status is what the end of a program has.

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
