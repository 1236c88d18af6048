"""``sampler init``: a starter of a library, an application or an adapter, with its tests."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from sampler._registry.announcements import SAMPLERS, announced
from sampler._runtime.printable import counted, printable
from sampler.agent.config.plugins import GROUP as ADAPTERS
from sampler.cli.exits import OK, USAGE
from sampler.cli.init.names import BadNameError, checked, near
from sampler.cli.init.writing import WouldOverwriteError, rendered, write

_SERVERS = {
    "wsgi": "gunicorn -w 2 mypackage.app:app",
    "asgi": "uvicorn --workers 2 mypackage.app:app",
}
_SAMPLERS = (
    "mypackage.metrics:SAMPLER --exercise mypackage.pool:use_one",
    "mypackage.metrics:group --exercise mypackage.orders:order_one",
)


def init(
    kind: str, where: str, *, name: str | None, framework: str | None, instruments: bool
) -> int:
    """Write a starter into a folder, and print what to do next.

    Args:
        kind: ``library``, ``application`` or ``adapter``.
        where: the folder.
        name: of what is begun; default: near the folder's.
        framework: of an application, the name of its templates; default: ``wsgi``.
        instruments: of a library: instruments that count, in place of a mapping.

    Returns:
        The exit status.
    """
    if framework and kind != "application":
        return _failed(f"--framework goes with 'application', not with {kind!r}")
    if instruments and kind != "library":
        return _failed(f"--instruments goes with 'library', not with {kind!r}")
    folder = Path(where)
    chosen = near(folder.resolve().name) if name is None else name
    if name is None and not chosen:
        return _failed(f"no name can be made of the folder's, {where!r}: give one by --name")
    what, group = ("adapter", ADAPTERS) if kind == "adapter" else ("sampler", SAMPLERS)
    try:
        names = checked(chosen, announced(group), what)
    except BadNameError as error:
        return _failed(f"{error}{'' if name else ', by --name: this one is made of the folder'}")
    interface = "asgi" if framework in ("asgi", "fastapi") else "wsgi"
    templates = {
        "library": ["instruments" if instruments else "library"],
        "application": ["application", interface, framework or "wsgi"],
        "adapter": ["adapter"],
    }[kind]
    server = _SERVERS[interface]
    files = rendered(templates, names, {_SERVERS["wsgi"]: server})
    try:
        write(folder, files)
    except WouldOverwriteError as error:
        listed = "".join(f"\n  {printable(str(folder / each))}" for each in error.files)
        return _failed(f"nothing is written, as these would be overwritten:{listed}")
    except OSError as error:
        return _failed(f"{error.filename or where}: {error.strerror}")
    print(f"{counted(len(files), 'file')} of {kind} {names.distribution!r}. Next:\n")
    enter = "" if folder == Path() else f"cd {shlex.quote(where)} && "
    last = {
        "library": f"sampler validate {_SAMPLERS[instruments]}",
        "application": f"sampler run -- {server}",
        "adapter": "sampler explain mypackage",
    }[kind]
    last = last.replace("mypackage", names.package)
    for line in (f"{enter}python -m pip install -e '.[test]'", "python -m pytest", last):
        print(f"  {line}")
    return OK


def _failed(message: str) -> int:
    print(f"sampler init: {message}", file=sys.stderr)
    return USAGE
