"""A TCP proxy that fails between two programs that do not."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from tests.support.ports import HOST, hold_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any, Self

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_CHUNK = 65536


class Proxy:
    """Stands in front of a server on loopback.

    The client sees the server's end only when the server has been given the client's: an end that
    comes earlier, as from a server that dies, is a reset. The server never sees a reset.

    Args:
        target: the server's port.
        tap: called for each connection with what the server was given, and whether the server
            then ended it by itself: it has read everything.
    """

    def __init__(self, target: int, tap: Callable[[bytes, bool], None] | None = None) -> None:
        self._target = target
        self._tap = tap
        self._held = hold_ports(1)
        self.port: int = self._held[0].getsockname()[1]
        self._delay, self._reset_after = 0.0, -1
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._serving: set[asyncio.Task[Any]] = set()  # else garbage: asyncio holds them weakly
        self._through = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._inside(self._set("pass", 0))

    def heal(self) -> None:
        """Pass everything at once: the state at first."""
        self._inside(self._set("pass", 0))

    def refuse(self) -> None:
        """Listen no more."""
        self._inside(self._set("refuse", 0))

    def hold(self) -> None:
        """Accept, and pass nothing in either direction."""
        self._inside(self._set("hold", 0))

    def drop(self) -> None:
        """Reset what is open, to the client; what was held has not passed."""
        self._inside(self._end())

    def delay(self, seconds: float) -> None:
        """Pass every piece that much later."""
        self._inside(self._set("delay", seconds))

    def reset(self, after: int) -> None:
        """Reset every connection to the client once ``after`` of its bytes have passed."""
        self._inside(self._set("reset", after))

    def close(self) -> None:
        """End."""
        self._inside(self._set("refuse", 0))
        self._inside(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._held[0].close()

    def _inside(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _set(self, mode: str, amount: float) -> None:
        self._delay = amount if mode == "delay" else 0.0
        self._reset_after = int(amount) if mode == "reset" else -1
        if mode == "hold":
            self._through.clear()
        else:
            self._through.set()
        if mode == "refuse" and self._server is not None:
            self._server.close()
            self._server = None
        if mode != "refuse" and self._server is None:
            self._server = await asyncio.start_server(self._serve, HOST, self.port)

    async def _end(self) -> None:
        serving = tuple(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        given: list[bytes] = []
        whole = False
        server = None
        mine = asyncio.current_task()
        assert mine is not None
        self._serving.add(mine)
        try:
            await self._through.wait()
            answers, server = await asyncio.open_connection(HOST, self._target)
            there = asyncio.ensure_future(self._there(reader, server, given))
            back = asyncio.ensure_future(self._back(answers, writer))
            try:
                await asyncio.wait((there, back), return_when=asyncio.FIRST_COMPLETED)
                if not there.done():
                    raise ConnectionResetError  # the server ends before the client does
                await there
                await back
            finally:
                for each in (there, back):
                    each.cancel()
                await asyncio.gather(there, back, return_exceptions=True)
            whole = True
            writer.close()
        except (OSError, asyncio.CancelledError):
            channel = writer.get_extra_info("socket")
            with suppress(OSError):
                channel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            writer.transport.abort()
        finally:
            self._serving.discard(mine)
            if self._tap is not None and given:
                self._tap(b"".join(given), whole)
            if server is not None:
                server.close()

    async def _there(
        self, reader: asyncio.StreamReader, server: asyncio.StreamWriter, given: list[bytes]
    ) -> None:
        passed = 0
        while data := await reader.read(_CHUNK):
            await self._turn()
            cut = self._reset_after >= 0 and passed + len(data) >= self._reset_after
            if cut:
                data = data[: max(0, self._reset_after - passed)]
            passed += len(data)
            given.append(data)
            server.write(data)
            await server.drain()
            if cut:
                raise ConnectionResetError
        await self._turn()
        server.write_eof()

    async def _back(self, answers: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await answers.read(_CHUNK):
            await self._turn()
            writer.write(data)
            await writer.drain()
        await self._turn()

    async def _turn(self) -> None:
        await self._through.wait()
        if self._delay:
            await asyncio.sleep(self._delay)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
