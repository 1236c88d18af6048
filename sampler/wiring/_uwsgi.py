"""uWSGI: a worker begins in ``post_fork_hook``, lazy or not, and ends in ``uwsgi.atexit``.

Nothing of ours runs in the master: a thread there may hold the interpreter's lock at the moment of
a fork, and the worker would wait for it for ever. Where uWSGI ends a worker in the middle of a
request, nothing of Python runs, ``uwsgi.atexit`` neither: only uWSGI can have it finish.
"""

from __future__ import annotations

import os
import sys
from signal import SIG_IGN, SIGINT, SIGTERM
from typing import TYPE_CHECKING, Any

from sampler._runtime.fork import at_safe_point, chain_uwsgi
from sampler._runtime.native import original
from sampler.wiring._serving import Contained, begin, complain, end
from sampler.wiring._uwsgi_applications import expect, tell_of_others, wrap

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

_CUTS = "ends workers inside requests, and what those counted since their last report is lost"
_FINISHES = "gracefully_kill_them_all"
_HOOK = f"hook-master-start = unix_signal:15 {_FINISHES}"
_MARK = "SAMPLER_UWSGI"
"""Tells the interpreters that uWSGI makes from now on that they are not its first one."""


def workers(uwsgi: Any, after: dict[str, str]) -> None:
    """Wire the module that uWSGI itself makes, in the process that is going to fork.

    Args:
        uwsgi: that module.
        after: what is called after imports; gets the applications' modules.
    """
    import sampler.agent  # noqa: F401 - workers have it at once, and begin fast

    at_safe_point(_forked)
    theirs: Callable[[], None] = getattr(uwsgi, "atexit", None) or (lambda: None)

    def both() -> None:
        _ends()
        theirs()

    uwsgi.atexit = both
    os.environ[_MARK] = "1"
    expect(uwsgi.opt, after)
    if "master" not in uwsgi.opt:
        complain(f"uWSGI without a master {_CUTS}: set its options master and {_HOOK}")
    elif _FINISHES not in str(uwsgi.opt.get("hook-master-start")):
        reloads = "" if "die-on-term" in uwsgi.opt else "reloads, and "
        complain(f"at SIGTERM uWSGI {reloads}{_CUTS}: set its option {_HOOK}")


def application(module: ModuleType) -> None:
    """Wrap what uWSGI serves of a module."""
    wrap(module)


def decorators(module: ModuleType) -> None:
    """Wire ``uwsgidecorators``, which takes the hook when it is imported."""
    del module
    chain_uwsgi()


def _forked() -> None:
    try:
        begin("uWSGI")
        _tell()
    except KeyboardInterrupt:  # uWSGI asks a worker to end that does not listen to it yet
        os._exit(0)


def _ends() -> None:
    try:
        if sys.modules["uwsgi"].worker_id():
            for number in (SIGINT, SIGTERM):  # a second one, as to a whole group, ends it here
                original("signal", "signal")(number, SIG_IGN)
    except ValueError:  # uWSGI calls this on one of its threads
        pass
    finally:
        end("uWSGI")
        _tell()  # lazy ones are loaded after the fork


def _tell() -> None:
    with Contained("uWSGI"):
        tell_of_others(sys.modules["uwsgi"])
