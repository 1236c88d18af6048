"""An HTTP server that answers by a script, with answers, too, that no server should give."""

from __future__ import annotations

import socket
import time
from collections import deque
from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from tests.support.loop import Double, reset
from tests.support.ports import HOST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

RESET = "reset"
Step: TypeAlias = "bytes | float | str"
"""Bytes to send, seconds to wait, or RESET. After the last step the connection is closed."""
Answer: TypeAlias = "Callable[[], Iterable[Step]]"

_CHUNK = 65536
_AGAIN = 0.005


def status(code: int, body: bytes = b"", **fields: str) -> Answer:
    """A well-formed answer; `retry_after="2"` is the field Retry-After."""
    lines = [f"HTTP/1.1 {code} Said", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {text}" for name, text in fields.items()]
    reply = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
    return lambda: [reply]


def silent() -> Iterator[Step]:
    """Not a word."""
    yield 3600.0


def endless() -> Iterator[Step]:
    """A body without end, as fast as it goes."""
    yield b"HTTP/1.1 200 OK\r\n\r\n"
    yield from repeat(b"x" * _CHUNK)


def huge() -> Iterator[Step]:
    """A body of 1 GiB, announced and sent."""
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n"
    yield from repeat(b"x" * _CHUNK, 2**30 // _CHUNK)


def dripping() -> Iterator[Step]:
    """A body of which a byte comes now and then: no single wait is long."""
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    yield from _drip()


def slow_head() -> Iterator[Step]:
    """A head of which a byte comes now and then."""
    yield b"HTTP/1.1 200 OK\r\nX-Pad: "
    yield from _drip()


def continued() -> Iterator[Step]:
    """100 Continue, for ever."""
    yield from repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


def endless_head() -> Iterator[Step]:
    """A head that is one line without end."""
    yield b"HTTP/1.1 200 OK\r\nX-Pad: "
    yield from repeat(b"x" * _CHUNK)


def torn() -> Iterator[Step]:
    """Half a head, and the end."""
    yield b"HTTP/1.1 20"


def resetting() -> Iterator[Step]:
    """A reset instead of an answer."""
    yield RESET


def garbage() -> Iterator[Step]:
    """Bytes that are no HTTP."""
    yield b"\x15\x03\x01\x00\x02\x02\x50"


def _drip() -> Iterator[Step]:
    while True:
        yield 0.05
        yield b"x"


class Request(NamedTuple):
    """What came: when (monotonic seconds), head and body."""

    time: float
    head: bytes
    body: bytes


class ScriptedHTTP(Double):
    """Answers each request, on a connection of its own, with the next item of a script.

    Args:
        script: the answers.
        default: the answer after the last of them.

    Attributes:
        requests: what came so far.
    """

    def __init__(self, *script: Answer, default: Answer | None = None) -> None:
        self.requests: list[Request] = []
        self._script = deque(script)
        self._default = default or status(204)
        self._listener: socket.socket | None = None
        self._peers: dict[socket.socket, bytes] = {}
        super().__init__()
        self.url = f"http://{HOST}:{self.port}"

    def _open(self) -> None:
        if self._listener is None:
            self._listener = self._listening()
            self._watch(self._listener, self._accept)

    def _shut(self) -> None:
        if self._listener is not None:
            self._unwatch(self._listener)
            self._listener.close()
            self._listener = None
        for peer in tuple(self._peers):
            self._drop(peer, hard=True)

    def _accept(self) -> None:
        assert self._listener is not None
        peer, _ = self._listener.accept()
        peer.setblocking(False)
        self._peers[peer] = b""
        self._watch(peer, partial(self._read, peer))

    def _read(self, peer: socket.socket) -> None:
        try:
            data = peer.recv(_CHUNK)
        except OSError:
            data = b""
        if not data:
            self._drop(peer)
            return
        self._peers[peer] += data
        head, mark, body = self._peers[peer].partition(b"\r\n\r\n")
        if mark and len(body) >= _length(head):
            self._unwatch(peer)
            self.requests.append(Request(time.monotonic(), head, body))
            answer = self._script.popleft() if self._script else self._default
            self._say(peer, iter(answer()))

    def _say(self, peer: socket.socket, steps: Iterator[Step], left: bytes = b"") -> None:
        """Take the next step of an answer, and say when the one after it is due."""
        if peer not in self._peers:
            return
        pause = 0.0
        step: Step | None = left or next(steps, None)
        if isinstance(step, float):
            left, pause = b"", step
        elif isinstance(step, bytes):
            try:
                left = step[peer.send(step) :]
            except BlockingIOError:
                left, pause = step, _AGAIN
            except OSError:
                self._drop(peer)
                return
        else:
            self._drop(peer, hard=step == RESET)
            return
        self._later(pause, partial(self._say, peer, steps, left))

    def _drop(self, peer: socket.socket, *, hard: bool = False) -> None:
        del self._peers[peer]
        self._unwatch(peer)
        if hard:
            reset(peer)
        peer.close()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, text = line.partition(b":")
        if name.lower() == b"content-length":
            return int(text)
    return 0
