"""The clients: as many as there are, or as they come; slow ones; all bounded in time and number.

Load by a fixed number of clients is *closed*: they ask again once they have their answer, so an
overloaded server is asked less. Strangers do not: they come when they come, at a mean rate (a
Poisson process), which is *open* load, and the only kind under which a server can fall behind.
"""

from __future__ import annotations

import asyncio
import random
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tests.support.ports import HOST

if TYPE_CHECKING:
    from collections.abc import Callable

    Note = Callable[["Answer"], object]
    Going = Callable[[], bool]

MOST = 10_000
"""Requests of one client, or crowd."""
LIMIT = 25.0
"""Seconds after which the most patient client gives up."""
LONGER = 15.0
"""Seconds for which clients go on asking, at most, where too little was seen in time."""
GAVE_UP = 0
"""Status of a request whose client left, or whose connection broke."""


class Answer(NamedTuple):
    """What a client saw.

    Attributes:
        name: the client's.
        time: when it asked, in seconds of the monotonic clock.
        seconds: until it had all of the answer, or gave up.
        status: of HTTP, or `GAVE_UP`.
    """

    name: str
    time: float
    seconds: float
    status: int


@dataclass(frozen=True)
class Open:
    """Strangers, who come at a mean rate, and leave when they have waited too long.

    Attributes:
        rate: how many in a second.
        path: what they ask for.
        patience: seconds.
        name: what their answers are called.
    """

    rate: float
    path: str
    patience: float = LIMIT
    name: str = "clients"

    async def come(self, port: int, going: Going, note: Note) -> None:
        """Ask for as long as it goes on; wait for the answers."""
        chance = random.Random(1)
        asked: list[asyncio.Task[None]] = []
        at = time.monotonic()
        while going() and len(asked) < MOST:
            at += chance.expovariate(self.rate)
            await asyncio.sleep(at - time.monotonic())
            one = _ask(self.name, port, _request(self.path), self.patience, note)
            asked.append(asyncio.create_task(one))
        await asyncio.gather(*asked)


@dataclass(frozen=True)
class Closed:
    """A number of clients, each of which asks again once it has its answer.

    Attributes:
        clients: how many.
        path: what they ask for.
        name: what their answers are called.
    """

    clients: int
    path: str
    name: str = "clients"

    async def come(self, port: int, going: Going, note: Note) -> None:
        """Ask for as long as it goes on; wait for the answers."""

        async def client() -> None:
            for _ in range(MOST):
                if not going():
                    return
                await _ask(self.name, port, _request(self.path), LIMIT, note)

        await asyncio.gather(*(client() for _ in range(self.clients)))


@dataclass(frozen=True)
class SlowSenders:
    """Clients who send their request slowly: its head, or its body.

    Attributes:
        clients: how many.
        body: send the body slowly, and the head at once.
        name: what their answers are called.
    """

    clients: int
    body: bool = False
    name: str = "slow"

    async def come(self, port: int, going: Going, note: Note) -> None:
        """Send byte by byte as long as it goes on, then the rest; wait for the answer."""
        await asyncio.gather(*(self._send(port, going, note) for _ in range(self.clients)))

    async def _send(self, port: int, going: Going, note: Note) -> None:
        body = b"x" * 1000
        head = f"POST /read HTTP/1.1\r\nHost: talk\r\nContent-Length: {len(body)}\r\n"
        begin, rest = head.encode(), b"X-Slow: " + body + b"\r\nConnection: close\r\n\r\n"
        if self.body:
            begin, rest = begin + rest, body
        else:
            rest += body
        began, status = time.monotonic(), GAVE_UP
        reader, writer = await asyncio.open_connection(HOST, port)
        try:
            writer.write(begin)
            while len(rest) > 1 and going():
                await asyncio.sleep(0.2)
                writer.write(rest[:1])
                rest = rest[1:]
            writer.write(rest)
            status = _status(await asyncio.wait_for(reader.read(), LIMIT))
        except (OSError, TimeoutError):
            pass
        finally:
            writer.close()
        note(Answer(self.name, began, time.monotonic() - began, status))


@dataclass(frozen=True)
class SlowReaders:
    """Clients who take a large answer slowly.

    Attributes:
        clients: how many.
        path: what they ask for.
        name: what their answers are called.
    """

    clients: int
    path: str
    name: str = "slow"

    async def come(self, port: int, going: Going, note: Note) -> None:
        """Read a little at a time for as long as it goes on, then the rest."""
        await asyncio.gather(*(self._read(port, going, note) for _ in range(self.clients)))

    async def _read(self, port: int, going: Going, note: Note) -> None:
        began = time.monotonic()
        channel = socket.socket()
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        channel.setblocking(False)
        await asyncio.get_running_loop().sock_connect(channel, (HOST, port))
        reader, writer = await asyncio.open_connection(sock=channel, limit=4096)
        status = GAVE_UP
        try:
            writer.write(_request(self.path))
            got = await asyncio.wait_for(reader.read(4096), LIMIT)
            status = _status(got)
            while got and going():
                await asyncio.sleep(0.1)
                got = await reader.read(4096)
            await asyncio.wait_for(reader.read(), LIMIT)
        except (OSError, TimeoutError):
            status = GAVE_UP
        finally:
            writer.close()
        note(Answer(self.name, began, time.monotonic() - began, status))


Clients = Open | Closed | SlowSenders | SlowReaders


def drive(
    port: int,
    seconds: float,
    *clients: Clients,
    note: Note,
    enough: Callable[[], bool] = lambda: True,
) -> None:
    """Have clients come to a port for so many seconds, and wait until all have their answers.

    Args:
        port: where they ask.
        seconds: how long they ask at least.
        clients: who.
        note: takes each answer.
        enough: whether enough was seen; on a busy machine they ask until it was, or `LONGER`.
    """

    async def all_of_them() -> None:
        until = time.monotonic() + seconds

        def going() -> bool:
            now = time.monotonic()
            return now < until or (now < until + LONGER and not enough())

        await asyncio.gather(*(each.come(port, going, note) for each in clients))

    asyncio.run(all_of_them())


def _request(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: talk\r\nConnection: close\r\n\r\n".encode()


def _status(answer: bytes) -> int:
    words = answer[:16].split()
    return int(words[1]) if len(words) > 1 else GAVE_UP


async def _ask(name: str, port: int, request: bytes, patience: float, note: Note) -> None:
    began, status, writer = time.monotonic(), GAVE_UP, None
    try:
        async with asyncio.timeout(patience):
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(request)
            status = _status(await reader.read())
    except (OSError, TimeoutError):
        pass
    finally:
        if writer is not None:
            writer.close()
    note(Answer(name, began, time.monotonic() - began, status))
