"""The application that all scenarios serve: what a request costs stands in its path.

``/wait/0.02`` waits so many seconds, as for a database; ``/compute/0.005`` takes so much CPU time;
``/read`` reads what the client sends; ``/give/8000000`` answers with so many bytes;
``/import/NAME`` imports a module, as code does that imports where it needs something;
``/connect`` asks a database.
"""

from __future__ import annotations

import importlib
import os
import time
from typing import TYPE_CHECKING, Any

from sampler.samplers import memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MEMORY = {key: value for key, value in memory.SAMPLER.items() if key != "min_interval"}
"""The sampler ``memory``, read at each pull: a sampler is a mapping, so changing it is that."""

for _name in filter(None, os.environ.get("TALK_IMPORTS", "").split(",")):
    importlib.import_module(_name)

KEPT = list(map(str, range(int(os.environ.get("TALK_OBJECTS", "0")))))
"""What an application keeps in memory: catalogues, templates, translations."""


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """Do what the path says."""
    _, what, *rest = environ["PATH_INFO"].split("/")
    answer = _WHAT[what](environ, *rest)
    start_response(
        "200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(answer)))]
    )
    return [answer]


def _wait(_: dict[str, Any], seconds: str) -> bytes:
    time.sleep(float(seconds))
    return b"waited\n"


def _compute(_: dict[str, Any], seconds: str) -> bytes:
    until = time.thread_time() + float(seconds)
    while time.thread_time() < until:
        sum(range(1000))
    return b"computed\n"


def _read(environ: dict[str, Any]) -> bytes:
    length = int(environ["CONTENT_LENGTH"])
    return f"{len(environ['wsgi.input'].read(length))} read\n".encode()


def _give(_: dict[str, Any], size: str) -> bytes:
    return b"x" * int(size)


def _import(_: dict[str, Any], name: str) -> bytes:
    importlib.import_module(name)
    return b"imported\n"


def _connect(_: dict[str, Any]) -> bytes:
    import psycopg

    from sampler.contrib.dbapi import timed

    autocommit = bool(os.environ.get("TALK_AUTOCOMMIT"))
    connection = timed(psycopg.connect)(os.environ["TALK_DATABASE"], autocommit=autocommit)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    connection.close()
    return b"asked\n"


_WHAT: dict[str, Callable[..., bytes]] = {
    "wait": _wait,
    "compute": _compute,
    "read": _read,
    "give": _give,
    "import": _import,
    "connect": _connect,
}
