"""First on PYTHONPATH under ``sampler run --``: sets hooks after imports, then steps aside.

It runs in every interpreter that the command starts, also in one that does not have sampler. So it
imports nothing of ours before it has to, and next to nothing else; and it never raises: an error
of its own is one line, and the program runs on.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

AFTER = {
    "celery.signals": "celery:signals",
    "django.apps.registry": "django:registry",
    "django.core.servers.basehttp": "applications:django",
    "django.utils.autoreload": "supervisors:django",
    "granian.asgi": "applications:granian_asgi",
    "granian.server.common": "supervisors:granian",
    "granian.wsgi": "applications:granian_wsgi",
    "gunicorn.arbiter": "supervisors:gunicorn",
    "gunicorn.workers.base": "gunicorn:workers",
    "hypercorn.run": "supervisors:hypercorn",
    "hypercorn.utils": "applications:hypercorn",
    "multiprocessing.process": "programs:children",
    "rq.worker.base": "rq:base",
    "uvicorn.config": "uvicorn:config",
    "uvicorn.lifespan.off": "uvicorn:lifespan",
    "uvicorn.lifespan.on": "uvicorn:lifespan",
    "uvicorn.supervisors.basereload": "supervisors:uvicorn_reload",
    "uvicorn.supervisors.multiprocess": "supervisors:uvicorn_workers",
    "uwsgidecorators": "uwsgi:decorators",
    "waitress.server": "applications:waitress",
    "werkzeug._reloader": "supervisors:werkzeug",
    "werkzeug.serving": "applications:werkzeug",
}
"""What is called with a module once it has been imported: a function of ``sampler.wiring``."""

SERVERS = {
    "celery": "worker",
    "django": "runserver",
    "django-admin": "runserver",
    "flask": "run",
    "granian": "",
    "gunicorn": "",
    "hypercorn": "",
    "manage": "runserver",
    "rq": "worker",
    "sampler": "",  # it is no program of the application
    "uvicorn": "",
}
"""Programs that begin to serve at a point of their own, with the argument that makes them."""

CHILD = ("from multiprocessing.", "from billiard.")
"""How the text begins that :mod:`multiprocessing` has a new interpreter run."""
HORSE = "worker.main_work_horse(job, queue)"
"""What the text ends with that RQ has one run."""


def complain(line: str) -> None:
    """Say one line on standard error, if there is one."""
    said = f"sampler {os.environ.get('SAMPLER_WIRED_BY', 'run')}: {line}\n"
    try:
        os.write(2, said.encode("utf-8", "backslashreplace"))
    except OSError:
        return


def call(name: str, *arguments: object) -> None:
    """Call a function of ``sampler.wiring``, such as ``gunicorn:workers``."""
    module, _, function = name.partition(":")
    try:
        wiring = __import__(f"sampler.wiring._{module}", fromlist=[function])
        getattr(wiring, function)(*arguments)
    except ImportError as error:
        if os.environ.pop("SAMPLER_RELAY", ""):  # said once, and not again by children
            complain(
                f"{sys.executable or 'this interpreter'} runs without an agent: {error}: install "
                "sampler-api there, in the version that runs it"
            )
    except Exception as error:
        complain(f"{name} in process {os.getpid()}: {type(error).__name__}: {error}")


class Loader:
    """Runs a module as its own loader does, then what waits for that."""

    def __init__(self, spec: ModuleSpec, loader: Any, then: str) -> None:
        self._spec, self._loader, self._then = spec, loader, then

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Do what the module's own loader does."""
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Let the module see its own loader only."""
        self._spec.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        call(self._then, module)


class Finder:
    """Finds nothing itself; what others find of :data:`AFTER` gets a :class:`Loader`."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See :class:`importlib.abc.MetaPathFinder`."""
        then = AFTER.pop(name, None)
        if then is None:
            return None
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target) if finder is not self else None
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = Loader(spec, spec.loader, then)  # type: ignore[assignment]
                return spec
        AFTER[name] = then  # it may be found later
        return None


def program() -> list[str]:
    """Return the script, module or text that this interpreter runs, and its arguments."""
    return sys.orig_argv[len(sys.orig_argv) - len(sys.argv) :] or [""]


def belongs(line: list[str]) -> bool:
    """Tell whether this process is a part of the command, not a program that a part calls.

    The first interpreter is; what it becomes; its workers; and the same program anew, as reloaders
    and gunicorn's USR2 start it.
    """
    from binascii import crc32

    mine = str(crc32("\0".join(line).encode("utf-8", "surrogateescape")))
    pid, _, theirs = os.environ.get("SAMPLER_WIRED", "").partition(".")
    if line[0].startswith(CHILD) or line[0].rstrip().endswith(HORSE):
        return True
    if pid not in ("", str(os.getpid())) and theirs != mine:
        return False
    os.environ["SAMPLER_WIRED"] = f"{os.getpid()}.{mine}"
    return True


def hidden(line: list[str]) -> str:
    """Return a file of the program's that hides our package from it, or ""."""
    folder = os.path.dirname(line[0]) if line[0].endswith(".py") else os.getcwd()
    file = os.path.join(folder, "sampler.py")
    return file if os.path.isfile(file) else ""


def is_another_of_uwsgi() -> bool:
    """Tell whether uWSGI has made this interpreter for one more application."""
    if not os.environ.get("SAMPLER_UWSGI"):
        return False
    name = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
    interpreters = __import__(name)
    return bool(interpreters.get_current() != interpreters.get_main())


def wire() -> None:
    """Set the hooks; where no server is going to call one of them, start the agent."""
    if sys.version_info < (3, 11):  # noqa: UP036 - it may be any interpreter
        complain(f"{sys.executable} runs without an agent: it needs Python 3.11 or later")
        return
    if is_another_of_uwsgi():
        if os.environ["SAMPLER_UWSGI"] != "said":
            os.environ["SAMPLER_UWSGI"] = "said"  # in all interpreters of this process
            complain(
                "uWSGI runs one of its applications in an interpreter of its own, and nothing of "
                "its requests arrives: set its option single-interpreter = true"
            )
        return
    line = program()
    if not belongs(line):
        return
    if file := hidden(line):  # which it may mean: what we import first would be what it gets
        os.environ.pop("SAMPLER_RELAY", "")
        complain(f"{file} hides the package sampler: rename it, or there is no agent")
        return
    sys.modules["sampler_boot"] = sys.modules[__name__]
    name = os.path.basename(line[0]).partition(".")[0]
    serves = name in SERVERS and SERVERS[name] in ("", *line[1:])
    if serves and SERVERS[name] in ("run", "runserver"):
        AFTER["socketserver"] = "programs:socketserver"
    sys.meta_path.insert(0, Finder())
    for loaded in [each for each in AFTER if each in sys.modules]:
        call(AFTER.pop(loaded), sys.modules[loaded])
    if not serves and sys.orig_argv and not line[0].startswith(CHILD):  # uWSGI has no arguments
        call("programs:plain")


def step_aside() -> None:
    """Load the ``sitecustomize`` that the interpreter would have found without this one."""
    from importlib.machinery import PathFinder

    here = os.path.dirname(__file__)
    sys.path[:] = [each for each in sys.path if each != here]
    spec = PathFinder.find_spec("sitecustomize")
    if spec is not None and spec.loader is not None:
        from importlib.util import module_from_spec

        module = sys.modules["sitecustomize"] = module_from_spec(spec)
        spec.loader.exec_module(module)


def begin() -> None:
    """Wire this interpreter, if it is one of the command's."""
    if not os.environ.get("SAMPLER_RELAY"):
        return
    try:
        wire()
    except Exception as error:
        complain(f"process {os.getpid()}: {type(error).__name__}: {error}")


begin()
step_aside()
