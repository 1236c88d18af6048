"""The stamp that a proxy puts on a request when it takes it, and whom it is taken from.

``X-Request-Start`` or ``X-Queue-Start``: the time since the epoch in seconds, milliseconds,
microseconds or nanoseconds, told apart by magnitude, after ``t=`` or alone. Strangers may send
anything, so a stamp counts from peers that are trusted only.
"""

from __future__ import annotations

from sampler._instruments import free_threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from sampler.web._state import State

LONGEST = 3_600.0
"""Seconds that a request can have waited, at most."""
_LEAST, _MOST = 1e8, 1e11
"""Between these a number is seconds, of the years 1973 to 5138."""
_DIGITS = b"0123456789."
LENGTH = 34
"""Of a stamp that is a time, at most, ``t=`` included."""
_UNITS = 1e3, 1e6, 1e9
_MOST_PEERS = 1_000
_OURS: tuple[str, ...] = ("", "0.0.0.0", "localhost", "unix")
"""What servers call the peer of a unix socket."""


class Stamps:
    """Reads stamps.

    Args:
        state: what they are noted in.
        trusted: peers whose stamps count, besides loopback and unix sockets: addresses and
            networks, or ``*`` for all.
    """

    def __init__(self, state: State, trusted: Iterable[str] = ()) -> None:
        from ipaddress import ip_network

        each = tuple(trusted)
        self._state = state
        self._all = "*" in each
        self._networks = [ip_network(text, strict=False) for text in each if text != "*"]
        self._peers: dict[str, bool] = dict.fromkeys(_OURS, True)

    def waited(self, stamp: Any, peer: str, now: float) -> float:
        """Return for how many seconds a request has waited, and note it.

        Args:
            stamp: the stamp, as bytes or text.
            peer: who has sent it.
            now: when the request was there, in epoch seconds.

        Returns:
            0.0 for a stamp of the future, at most :data:`LONGEST`; -1.0, and another refused
            stamp, for one that is no time (other digits than ASCII's, an exponent, a sign, a list,
            what is far too small or large), or of a peer that is not trusted.
        """
        if type(stamp) is str and stamp.isascii():
            stamp = stamp.encode()
        elif type(stamp) is not bytes:
            stamp = b""
        try:
            trusted = self._peers[peer]
        except KeyError:
            trusted = self._look_at(peer)
        if trusted:
            digits = stamp.removeprefix(b"t=")
            if not digits.strip(_DIGITS) and len(stamp) <= LENGTH:
                try:
                    began = float(digits)
                except ValueError:  # nothing, or more than one point
                    began = 0.0
                if not _LEAST < began < _MOST:
                    began = in_seconds(began)
                if began:
                    age = now - began
                    if age < 0.0:
                        age = 0.0
                    elif age > LONGEST:
                        age = LONGEST
                    self._state.ages.append(age)
                    return age
        self._state.refused += 1
        return -1.0

    def _look_at(self, peer: str) -> bool:
        """Find out whether a peer is trusted, and remember it."""
        known = self._all or self._trusts(peer)
        if len(self._peers) >= _MOST_PEERS:
            self._peers = dict.fromkeys(_OURS, True)
        self._peers[peer] = known
        return known

    def _trusts(self, peer: str) -> bool:
        from ipaddress import ip_address

        try:
            address = ip_address(peer)
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return address.is_loopback or any(address in each for each in self._networks)


def in_seconds(number: float) -> float:
    """Return in seconds what is milliseconds, microseconds or nanoseconds; 0.0: it is none."""
    for unit in _UNITS:
        if _LEAST < number / unit < _MOST:
            return number / unit
    return 0.0


if free_threading.NEEDED:
    free_threading.guard(Stamps, methods=("waited",))
