"""What a process is to its server: a supervisor starts the others, and does none of their work.

A server's supervisor that imports the application starts an agent as the application says. That
one pulls nothing, has no instance and no port: its children get agents. It is recognised by what
runs at that moment; a process of a known server that is not recognised is a worker.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Literal

from sampler._runtime.fork import forked_at
from sampler._runtime.log import log

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any, TypeAlias

    Role: TypeAlias = Literal["worker", "supervisor", "standalone"]

WORKER: Role = "worker"
SUPERVISOR: Role = "supervisor"
STANDALONE: Role = "standalone"


def supervisor_of() -> str | None:
    """Return what this process supervises, in words, or None if it supervises nothing known."""
    return next((words for words, recognises in _SUPERVISORS.items() if recognises()), None)


def is_multiprocessing_child() -> bool:
    """Tell whether :mod:`multiprocessing` has started this process."""
    process = sys.modules.get("multiprocessing.process")
    return process is not None and process.parent_process() is not None


def role_here() -> Role:
    """Return the role of this process."""
    if forked_at():
        return WORKER
    if is_multiprocessing_child():
        return WORKER
    if supervisor_of() is not None:
        return SUPERVISOR
    return WORKER if any(name in sys.modules for name in _SERVERS) else STANDALONE


def frame_of(module: str, function: str = "") -> FrameType | None:
    """Return the innermost frame of a module, or of one of its functions, that led here."""
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - there is no other way up
    while frame is not None:
        if frame.f_globals.get("__name__") == module and function in ("", frame.f_code.co_name):
            return frame
        frame = frame.f_back
    return None


def _is_gunicorn_arbiter() -> bool:
    """Tell whether gunicorn's arbiter has led here, and not one that has forked this process."""
    frame = frame_of("gunicorn.arbiter") if "gunicorn.arbiter" in sys.modules else None
    if frame is None:
        return False
    return getattr(frame.f_locals.get("self"), "pid", None) in (None, os.getpid())


def _is_uwsgi_master() -> bool:
    """Tell whether uWSGI loads the application before it forks: as worker 0, or as no worker."""
    uwsgi = sys.modules.get("uwsgi")
    if uwsgi is None or getattr(uwsgi, "worker_id", int)() != 0 or not hasattr(uwsgi, "opt"):
        return False
    return not {"lazy", "lazy-apps"} & {_text(key) for key in uwsgi.opt}


def tell_idle_threads() -> None:
    """Warn where this process' threads run only now and then, with the remedy."""
    if not getattr(sys.modules.get("uwsgi"), "has_threads", 1):
        log.warning(
            "uWSGI lets threads run only while it answers a request, so numbers arrive late, and "
            "the last ones not at all: give it the option enable-threads"
        )


def _is_celery_parent() -> bool:
    """Tell whether this is ``celery worker``, whose pool does the work."""
    if "celery.bin.celery" not in sys.modules or "worker" not in sys.argv[1:]:
        return False
    process = sys.modules.get("billiard.process")
    return process is None or process.current_process().name == "MainProcess"


def _is_flask_reloader() -> bool:
    """Tell whether this is ``flask run``, whose reloader runs the application in a child."""
    if "flask.cli" not in sys.modules or os.environ.get("WERKZEUG_RUN_MAIN") == "true":
        return False
    command = frame_of("flask.cli", "run_command")
    if command is None:
        return False
    reload = command.f_locals.get("reload")
    return bool(sys.modules["flask.helpers"].get_debug_flag() if reload is None else reload)


def _is_django_reloader() -> bool:
    """Tell whether this is ``manage.py runserver``, whose reloader runs the site in a child."""
    if "django.utils.autoreload" not in sys.modules or os.environ.get("RUN_MAIN") == "true":
        return False
    return "runserver" in sys.argv[1:2] and "--noreload" not in sys.argv


_SUPERVISORS: dict[str, Callable[[], bool]] = {
    "gunicorn's workers": _is_gunicorn_arbiter,
    "uWSGI's workers": _is_uwsgi_master,
    "Celery's pool": _is_celery_parent,
    "the server that Flask's reloader starts": _is_flask_reloader,
    "the server that Django's reloader starts": _is_django_reloader,
}
_SERVERS = ("gunicorn.arbiter", "uwsgi", "mod_wsgi")


def _text(word: Any) -> str:
    return word.decode(errors="replace") if isinstance(word, bytes) else str(word)
