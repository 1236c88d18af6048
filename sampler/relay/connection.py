"""A worker's connection to its relay."""

from __future__ import annotations

from contextlib import suppress
from socket import AF_UNIX, SOCK_STREAM
from typing import TYPE_CHECKING, Any

from sampler.adapterkit._unix.peer import bound_address, peer_of
from sampler.adapterkit.deadline import seconds_left
from sampler.adapterkit.sockets import Socket
from sampler.agent import Unavailable
from sampler.relay.address import user_ids
from sampler.relay.frames import FrameReader, frame
from sampler.relay.messages import VERSION, BadMessage, Kind, decode_body, version_of
from sampler.relay.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sampler.agent import Series

_CHUNK = 65_536
_LATER = 30.0
"""Seconds until a relay that has refused this process is asked again."""


class Connection:
    """A connection whose other end is a relay of somebody we trust.

    Args:
        address: where the relay listens.
        users: whose relays are trusted, besides our own and root's.
        deadline: monotonic moment by which it is connected.

    Attributes:
        tables: what the relay has been told on it.
        begun: some of what was sent last has left this process.
        owed: the answer that has to come; None where none has.

    Raises:
        OSError: nobody listens there, or not in time.
        Unavailable: it is somebody else's.
    """

    def __init__(
        self,
        address: str,
        users: Iterable[str],
        deadline: float,
        numbers: dict[Series, int] | None = None,
    ) -> None:
        self.begun: bool = False
        self.owed: Kind | None = None
        self.tables: Tables = Tables({} if numbers is None else numbers)
        self._reader = FrameReader()
        self._socket = Socket(AF_UNIX, SOCK_STREAM)
        try:
            self._socket.settimeout(seconds_left(deadline))
            self._socket.connect(bound_address(address))
            uid = peer_of(self._socket).uid
            if uid not in user_ids(users):
                raise Unavailable(f"it belongs to user {uid}: name that user in users", _LATER)
        except BaseException:
            self._socket.close()
            raise

    def is_ours(self) -> bool:
        """Tell whether the program has left its descriptor open."""
        return self._socket.is_ours()

    def greet(self, kind: Kind, fields: tuple[object, ...], deadline: float) -> None:
        """Say HELLO, ASK or READ; WELCOME is owed then.

        Raises:
            OSError: the relay does not take it in time.
        """
        self.say([frame(kind, (VERSION, *fields))], Kind.WELCOME, deadline)

    def say(self, frames: Iterable[bytes], answer: Kind | None, deadline: float) -> None:
        """Send messages, for which an answer is owed then; :attr:`begun` tells if any has left.

        Raises:
            OSError: the relay does not take them in time; they are sent in part.
        """
        self.owed, self.begun = None, False
        data, sent = b"".join(frames), 0
        while sent < len(data):
            self._socket.settimeout(seconds_left(deadline))
            sent += self._socket.send(memoryview(data)[sent:] if sent else data)
            self.begun = True
        self.owed = answer

    def answer(self, deadline: float) -> Any:
        """Wait for the answer that is owed, if one is, and return its body.

        Raises:
            OSError: it has not come in time; only after a :class:`TimeoutError` it may still come.
            Unavailable: the relay does not take this process, or something else comes.
        """
        if self.owed is not None:
            body = self.wait_for(self.owed, deadline)
            self.owed = None
            return body
        return None

    def messages(self, deadline: float) -> Iterator[tuple[Kind, bytes]]:
        """Yield messages as they come.

        Raises:
            OSError: the next does not come in time.
            BadMessage: it is none.
        """
        data = b""
        while True:
            yield from self._reader.feed(data)
            self._socket.settimeout(seconds_left(deadline))
            data = self._socket.recv(_CHUNK)
            if not data:
                raise ConnectionResetError("it has closed the connection")

    def wait_for(self, wanted: Kind, deadline: float) -> Any:
        """Wait for a message of a kind, and return its body.

        Raises:
            OSError: it does not come in time.
            Unavailable: something else comes.
        """
        try:
            kind, body = next(self.messages(deadline))
            return _read(kind, body, wanted)
        except BadMessage as error:
            raise unreadable(error) from None

    def close(self, *, farewell: bool = False) -> None:
        """Close it; with a farewell if the process' part in the relay ends with it."""
        with suppress(OSError):
            if farewell and self.is_ours():
                self._socket.settimeout(0.1)
                self._socket.send(frame(Kind.BYE))
        with suppress(OSError):  # the program has closed its descriptor
            self._socket.close()


def unreadable(error: BadMessage) -> Unavailable:
    """Return the error of an answer that cannot be read."""
    return Unavailable(f"its answer cannot be read: {error}", _LATER)


def _read(kind: Kind, body: bytes, wanted: Kind) -> Any:
    if kind is Kind.REFUSED and version_of(body) == VERSION:
        raise Unavailable(decode_body(kind, body).reason, _LATER)
    if kind in (Kind.REFUSED, Kind.WELCOME) and (theirs := version_of(body)) != VERSION:
        what = f"it speaks version {theirs}, and this process version {VERSION}"
        raise Unavailable(f"{what}: start both again with one version of sampler-api", _LATER)
    if kind is not wanted:
        raise BadMessage(f"{kind.name} instead of {wanted.name}")
    return decode_body(kind, body)
