"""Stamps count behind a unix socket, whatever a server calls the peer there."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.support.command import environment
from tests.support.waiting import wait_for
from tests.wiring.rig import BIN, LIMIT, need

pytestmark = pytest.mark.server

PROGRAM = """\
import sampler.web


def answer():
    return f"{waited(wsgi._state)} {waited(asgi._state)} {wsgi._state.refused}".encode()


def waited(state):
    state.fold()
    return state.queue.read().count


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [answer()]


async def async_application(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": answer()})


wsgi = sampler.web.WSGI(application)
asgi = sampler.web.ASGI(async_application)
"""
SERVERS = {
    "gunicorn": ("-b", "unix:{path}", "program:wsgi"),
    "gunicorn asgi": ("-k", "asgi", "-b", "unix:{path}", "program:asgi"),
    "uvicorn": ("--uds", "{path}", "program:asgi"),
    "hypercorn": ("-b", "unix:{path}", "program:asgi"),
    "hypercorn wsgi": ("-b", "unix:{path}", "program:wsgi"),
    "waitress-serve": ("--unix-socket={path}", "program:wsgi"),
    "granian": ("--uds", "{path}", "--interface", "wsgi", "program:wsgi"),
    "granian asgi": ("--uds", "{path}", "--interface", "asginl", "program:asgi"),
    "uwsgi": (
        *("--http-socket", "{path}", "--module", "program:wsgi"),
        *("--virtualenv", sys.prefix, "--die-on-term"),
    ),
}


@pytest.mark.parametrize("name", SERVERS)
def test_a_stamp_counts_behind_a_unix_socket(request: pytest.FixtureRequest, name: str) -> None:
    """The first request's is counted when the application runs."""
    program = name.partition(" ")[0]
    need(request, program)
    with tempfile.TemporaryDirectory() as folder:  # short, as addresses of sockets are
        Path(folder, "program.py").write_text(PROGRAM)
        path = f"{folder}/s"
        command = [program, *(word.format(path=path) for word in SERVERS[name])]
        with subprocess.Popen(
            command,
            cwd=folder,
            env=environment(PYTHONPATH=folder, PATH=f"{BIN}:{os.environ['PATH']}"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as server:
            try:
                assert asked(path).endswith(b"1 1 0")
            finally:
                server.terminate()
                server.wait(LIMIT)


def asked(path: str) -> bytes:
    """Ask once, as soon as somebody listens; return the answer."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(LIMIT)

        def connects() -> bool:
            try:
                client.connect(path)
            except OSError:
                return False
            return True

        wait_for(connects, LIMIT, "the server to listen")
        stamp = f"t={time.time() - 5:.3f}"
        head = f"GET / HTTP/1.0\r\nHost: localhost\r\nX-Request-Start: {stamp}\r\n\r\n"
        client.sendall(head.encode())
        parts = []
        while part := client.recv(65_536):
            parts.append(part)
    return b"".join(parts).strip()
