"""Asks a running agent or relay over its unix socket."""

from __future__ import annotations

import json
import os
import socket
from http.client import HTTPConnection, HTTPException
from struct import unpack
from typing import Any

from sampler._runtime.printable import one_line

_PATIENCE = 5.0
"""Seconds for one answer."""
_LARGEST = 64 * 2**20
"""Bytes of an answer."""


class NoAnswerError(Exception):
    """Nothing can be had there; the text says why, and what to do."""


class _UnixConnection(HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_PATIENCE)
        self.sock.connect(self._path)
        if not _trusted(self.sock):
            raise NoAnswerError(f"{self._path} belongs to another user: it is not asked")


class Client:
    """One agent or relay.

    Args:
        path: of its socket.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def get(self, what: str) -> Any:
        """Return an answer.

        Args:
            what: the path below ``/live/``, with its query.

        Raises:
            NoAnswerError: there is none.
        """
        connection = _UnixConnection(self._path)
        try:
            connection.request("GET", f"/live/{what}")
            reply = connection.getresponse()
            body = reply.read(_LARGEST + 1)
        except (OSError, HTTPException) as error:
            raise NoAnswerError(self._why(error)) from None
        finally:
            connection.close()
        if len(body) > _LARGEST:
            raise NoAnswerError(f"{self._path}: the answer is too long")
        try:
            answer = json.loads(body)
        except ValueError:
            raise NoAnswerError(f"{self._path}: no sampler answers there") from None
        if reply.status != 200:
            said = answer.get("error", "") if isinstance(answer, dict) else ""
            raise NoAnswerError(f"{self._path}: {one_line(str(said)) or reply.status}")
        return answer

    def _why(self, error: BaseException) -> str:
        if isinstance(error, FileNotFoundError | ConnectionRefusedError):
            return (
                f"nobody listens at {self._path}: start the agent or relay, or restart it if its "
                "key socket is new"
            )
        if isinstance(error, PermissionError):
            return f"{self._path} is another user's: run this as that user"
        return f"{self._path}: {one_line(getattr(error, 'strerror', None) or str(error))}"


def _trusted(connection: socket.socket) -> bool:
    """Tell whether the other end is this user's, or root's; root may look at everybody's."""
    if os.geteuid() == 0 or not hasattr(socket, "SO_PEERCRED"):
        return True
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    _, uid, _ = unpack("3i", credentials)
    return uid in (0, os.geteuid())
