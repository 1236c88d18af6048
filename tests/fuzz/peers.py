"""Clients that send mutants to a page, and a gateway that answers with them."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from tests.fuzz import mutants

if TYPE_CHECKING:
    from random import Random

OPEN = 12
"""Connections that are left open at most; they end one after the other."""
GOOD = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
FINE = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


def reset(channel: socket.socket) -> None:
    """Leave without a word."""
    with suppress(OSError):
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    channel.close()


class Clients:
    """Send requests, each on a connection of its own, and leave in every way there is.

    Args:
        address: of the page.
        random: where mutants come from; None: well-formed requests only.

    Attributes:
        statuses: what was answered, and how often.
    """

    def __init__(self, address: tuple[str, int], random: Random | None) -> None:
        self._address = address
        self._random = random
        self._open: list[socket.socket] = []
        self.statuses: Counter[str] = Counter()

    def send(self, count: int) -> None:
        """Send so many."""
        for _ in range(count):
            if self._random is None:
                self._ask([GOOD], read=True, leave="close", pause=0.0)
            else:
                message = mutants.request(self._random)
                self._ask(
                    mutants.pieces(self._random, message),
                    read=self._random.random() < 0.5,
                    leave=self._random.choice(["close", "reset", "half", "open", "open"]),
                    pause=self._random.choice([0.0] * 60 + [0.002]),
                )
        while self._open:
            self._open.pop().close()

    def _ask(self, parts: list[bytes], *, read: bool, leave: str, pause: float) -> None:
        channel = socket.create_connection(self._address, timeout=10)
        with suppress(OSError):
            for part in parts:
                channel.sendall(part)
                if pause:
                    time.sleep(pause)
            if leave == "half":
                channel.shutdown(socket.SHUT_WR)
            if read:
                channel.settimeout(10 if self._random is None else 0.02)
                self.statuses[channel.recv(4096)[9:12].decode("latin-1") or "none"] += 1
        if leave == "reset":
            reset(channel)
        elif leave == "open":
            self._open.append(channel)
            if len(self._open) > OPEN:
                assert self._random is not None
                self._open.pop(self._random.randrange(len(self._open))).close()
        else:
            channel.close()


class Gateway:
    """Answers each push, on a thread of its own; a context manager.

    Args:
        random: where mutants come from.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self.fine = True
        self._left: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for channel in self._left:
            channel.close()

    def _serve(self) -> None:
        while True:
            try:
                channel, _ = self._listener.accept()
            except OSError:
                return
            channel.settimeout(5)
            with suppress(OSError):
                channel.recv(65536)
                self._answer(channel)
            while len(self._left) > OPEN:
                self._left.pop(0).close()

    def _answer(self, channel: socket.socket) -> None:
        if self.fine:
            channel.sendall(FINE)
            channel.close()
            return
        leave = self._random.choice(["close"] * 20 + ["reset"] * 4 + ["open"])
        try:
            for part in mutants.pieces(self._random, mutants.reply(self._random)):
                channel.sendall(part)
        finally:
            if leave == "open":
                self._left.append(channel)
            elif leave == "reset":
                reset(channel)
            else:
                channel.close()
