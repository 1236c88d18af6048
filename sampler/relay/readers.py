"""Who asks the relay for its totals: each is answered on a thread of its own."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from sampler.adapterkit._http.wakeup import close_quietly
from sampler.adapterkit.deadline import seconds_left
from sampler.adapterkit.threads import Lock, Thread
from sampler.agent import log
from sampler.relay.frames import frame
from sampler.relay.messages import VERSION, Kind
from sampler.relay.totals import told

if TYPE_CHECKING:
    from collections.abc import Callable

    from sampler.adapterkit.sockets import Socket
    from sampler.agent import Snapshot

MAX_READERS = 8
"""Readers at a time."""
_PATIENCE = 5.0
"""Seconds for a reader to get everything."""


class Readers:
    """Answers readers.

    Args:
        totals: returns what all processes have counted, within some seconds.
    """

    def __init__(self, totals: Callable[[float], Snapshot]) -> None:
        self._totals = totals
        self._lock = Lock()
        self._readers = 0

    def serve(self, connection: Socket, welcome: bytes) -> None:
        """Begin to answer, and close the connection in the end.

        Args:
            connection: with a reader at its other end.
            welcome: what is told first.
        """
        with self._lock:
            full = self._readers >= MAX_READERS
            self._readers += not full
        if full:
            why = f"{MAX_READERS} others read the totals now: ask again"
            connection.send(frame(Kind.REFUSED, (VERSION, why)))
            connection.close()
            return
        Thread(lambda: self._answer(connection, welcome), "sampler-reader").start()

    def _answer(self, connection: Socket, welcome: bytes) -> None:
        deadline = monotonic() + _PATIENCE
        try:
            messages = (welcome, *told(self._totals(_PATIENCE)))
            data = memoryview(b"".join(messages))
            while data:
                connection.settimeout(seconds_left(deadline))
                data = data[connection.send(data) :]
        except OSError:  # it has left, or does not read
            pass
        except Exception as error:
            log.exception("relay: the totals cannot be told: %s", error)
        finally:
            close_quietly(connection)
            with self._lock:
                self._readers -= 1
