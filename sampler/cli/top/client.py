"""Asks a running agent or relay over its unix socket."""

from __future__ import annotations

import json
import os
import socket
from struct import calcsize, unpack
from typing import Any

import h11

from sampler._runtime.printable import one_line

_PATIENCE = 5.0
"""Seconds for the next part of an answer."""
_LARGEST = 64 * 2**20
"""Bytes of an answer."""
_CHUNK = 2**18
_CREDENTIALS = "3i"
_OK = 200


class NoAnswerError(Exception):
    """Nothing can be had there; the text says why, and what to do."""


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
        try:
            status, body = self._exchange(f"/live/{what}")
        except (OSError, h11.RemoteProtocolError) as error:
            raise NoAnswerError(self._why(error)) from None
        try:
            answer = json.loads(body)
        except ValueError:
            raise NoAnswerError(f"{self._path}: no sampler answers there") from None
        if status != _OK:
            said = answer.get("error", "") if isinstance(answer, dict) else ""
            raise NoAnswerError(f"{self._path}: {one_line(str(said)) or status}")
        return answer

    def _exchange(self, target: str) -> tuple[int, bytes]:
        """Return status and body."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_PATIENCE)
            connection.connect(self._path)
            if not _trusted(connection):
                raise NoAnswerError(f"{self._path} belongs to another user: it is not asked")
            codec = h11.Connection(h11.CLIENT)
            asked = h11.Request(method="GET", target=target, headers=[("Host", "localhost")])
            connection.sendall(
                (codec.send(asked) or b"") + (codec.send(h11.EndOfMessage()) or b"")
            )
            status, parts, size = 0, list[bytes](), 0
            while True:
                event = codec.next_event()
                if event is h11.NEED_DATA:
                    codec.receive_data(connection.recv(_CHUNK))
                elif isinstance(event, h11.Response):
                    status = event.status_code
                elif isinstance(event, h11.Data):
                    parts.append(bytes(event.data))
                    size += len(parts[-1])
                    if size > _LARGEST:
                        raise NoAnswerError(f"{self._path}: the answer is too long")
                else:  # its end
                    return status, b"".join(parts)

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
    size = calcsize(_CREDENTIALS)
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    _, uid, _ = unpack(_CREDENTIALS, credentials)
    return uid in (0, os.geteuid())
