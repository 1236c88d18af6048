"""A listener for StatsD and DogStatsD lines of any language, as one sampler.

Counters, gauges, timers (``ms``, ``h``, ``d``: exponential histograms) and sets, with sample
rates and tags. One process listens: the relay, or the first of those that are told to. All is
bounded; what is not taken is counted by reason. In ``sampler.toml``::

    [bridges.statsd]
    listen = ["127.0.0.1:8125", "unixgram:///run/myapp/statsd.sock"]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self
from weakref import WeakSet

from sampler.adapterkit.threads import Lock, in_child
from sampler.bridges._log import first
from sampler.bridges._statsd_sockets import Address, Listener
from sampler.bridges._statsd_table import Table
from sampler.bridges._turn import Turn
from sampler.bridges._waiting import CHECK, known

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sampler import Registration, Registry
    from sampler.types import Sampler

__all__ = ("SAMPLER", "StatsDListener", "register", "sampler_of")

NAME = "statsd"
LISTEN = ("127.0.0.1:8125",)
MOST_SERIES = 10_000


_made: WeakSet[StatsDListener] = WeakSet()


class StatsDListener:
    """Takes lines from when it is opened until it is closed; a sampler while it is registered.

    In a forked child it is closed, and has nothing to tell.

    Args:
        listen: addresses: ``HOST:PORT`` for UDP, or with ``udp://``, ``tcp://``, ``unix://`` or
            ``unixgram://``. Port 0 is any free one.
        name: the label ``bridge`` of its account.
        max_series: series that are kept; lines of others are refused.

    Raises:
        ValueError: an address is none.
    """

    def __init__(
        self, listen: Iterable[str] = LISTEN, *, name: str = NAME, max_series: int = MOST_SERIES
    ) -> None:
        self._wanted = tuple(map(Address, listen))
        self._name = name
        self._most = max_series
        self._table = Table(name, max_series)
        self._listener: Listener | None = None
        _made.add(self)

    @property
    def addresses(self) -> tuple[Any, ...]:
        """Where it listens: addresses of sockets, with the ports that were chosen; or none."""
        return () if self._listener is None else self._listener.bound

    def open(self) -> None:
        """Begin to listen; once it does, this does nothing.

        Raises:
            OSError: it cannot listen at one of its addresses.
        """
        if self._listener is None:
            self._listener = Listener(self._wanted, self._table)

    def close(self) -> None:
        """Listen no more; what has arrived is read first, and stays until the next pull."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()

    def _begin_anew(self) -> None:
        """Be closed, in a forked child: its parent listens on, and tells what has come."""
        self._listener = None
        self._table = Table(self._name, self._most)  # the lock of the other may be held

    def __enter__(self) -> Self:
        """Open it."""
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def _instance(self) -> _Instance:
        return _Instance(self)

    def _samples(self, consumer: object) -> list[tuple[Any, ...]]:
        with self._table.lock:
            samples = list(self._table.samples(consumer))
        listener = self._listener
        if listener is not None and (dropped := listener.dropped()) is not None:
            labels, described = {"bridge": self._name}, dict(_DROPPED)
            samples.append(("bridge.datagrams.dropped", dropped, labels, described))
        return samples


_DROPPED = {
    "kind": "counter",
    "unit": "{datagram}",
    "scope": "server",
    "help": "Datagrams that the kernel has dropped, as they came faster than they were read.",
}


class _Instance:
    """One consumer's view of a listener: its own window for sets."""

    def __init__(self, listener: StatsDListener) -> None:
        self._listener = listener
        with listener._table.lock:  # noqa: SLF001 - one module
            listener._table.join(self)  # noqa: SLF001 - one module

    def __call__(self) -> list[tuple[Any, ...]]:
        """Return the samples of one pull."""
        return self._listener._samples(self)  # noqa: SLF001 - one module

    def close(self) -> None:
        """Forget the window."""
        with self._listener._table.lock:  # noqa: SLF001 - one module
            self._listener._table.leave(self)  # noqa: SLF001 - one module


def sampler_of(listener: StatsDListener, *, name: str = NAME) -> Sampler:
    """Return a sampler that tells what a listener has taken.

    Args:
        listener: whoever made it opens and closes it.
        name: the sampler's name.
    """
    return {"name": name, "factory": lambda _: listener._instance()}  # noqa: SLF001 - one module


def register(
    listen: Iterable[str] = LISTEN,
    *,
    name: str = NAME,
    registry: Registry | None = None,
    max_series: int = MOST_SERIES,
) -> Registration:
    """Open a listener, and register it as a sampler; it listens as long as the process lives.

    Args:
        listen: as of :class:`StatsDListener`.
        name: the sampler's name.
        registry: where; default: the default registry.
        max_series: as of :class:`StatsDListener`.

    Raises:
        OSError: it cannot listen at one of the addresses.
        ValueError: an address is none.
    """
    import sampler

    listener = StatsDListener(listen, name=name, max_series=max_series)
    listener.open()
    try:
        return (registry or sampler.registry).register(sampler_of(listener, name=name))
    except BaseException:
        listener.close()
        raise


class _Shared:
    """The listener of a configuration, for all consumers of this process, while it has one."""

    def __init__(self, listen: tuple[str, ...], max_series: int) -> None:
        self.listener = StatsDListener(listen, max_series=max_series)
        self.turn = Turn(f"statsd {' '.join(sorted(listen))}")
        self.users = 0


_shared: dict[tuple[Any, ...], _Shared] = {}
_lock = Lock()


def _begin_anew() -> None:
    global _lock  # noqa: PLW0603 - it may have been held at the fork
    _lock = Lock()
    _shared.clear()
    for each in list(_made):
        each._begin_anew()  # noqa: SLF001 - one module


in_child(_begin_anew)


def _wanted(settings: Mapping[str, Any]) -> tuple[tuple[str, ...], int]:
    """Return addresses, and how many series are kept; raise where settings are wrong."""
    known(settings, "listen", "max_series")
    listen, most = settings.get("listen", LISTEN), settings.get("max_series", MOST_SERIES)
    listen = (listen,) if isinstance(listen, str) else listen
    texts = isinstance(listen, list | tuple) and all(isinstance(each, str) for each in listen)
    if not texts or not listen:
        raise ValueError(f"listen: expected an address, or a list of some, got {listen!r}")
    for each in listen:
        try:
            Address(each)
        except ValueError as error:
            raise ValueError(f"listen: {error}") from None
    if not isinstance(most, int) or isinstance(most, bool) or not 0 < most <= 1_000_000:
        raise ValueError(f"max_series: expected a number from 1 to 1000000, got {most!r}")
    return tuple(listen), most


class _Configured:
    """Listens while it is this process' turn, and its address is free."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        listen, most = _wanted(settings)
        self._key = *listen, most
        with _lock:
            shared = _shared.get(self._key) or _Shared(listen, most)
            self._shared = _shared[self._key] = shared
            shared.users += 1
        self._instance: _Instance | None = None
        self._listens()

    def __call__(self) -> list[tuple[Any, ...]]:
        """Return the samples of one pull; none while another process listens."""
        if not self._listens() or self._instance is None:
            return []
        return self._instance()

    def close(self) -> None:
        """Forget this consumer; the last one's listener ends."""
        with _lock:
            if self._instance is not None:
                self._instance.close()
            shared, self._instance = self._shared, None
            shared.users -= 1
            if not shared.users:
                _shared.pop(self._key, None)
                shared.listener.close()
                shared.turn.end()

    def _listens(self) -> bool:
        with _lock:
            if not self._shared.turn.is_mine():
                return False
            try:
                self._shared.listener.open()
            except OSError as error:  # as of a daemon that is still there
                why = error.strerror or str(error)
                if first(NAME, why):
                    from sampler.agent import log

                    log.warning("bridge 'statsd' cannot listen, and tries at each pull: %s", why)
                return False
            if self._instance is None:
                self._instance = self._shared.listener._instance()  # noqa: SLF001 - one module
            return True


SAMPLER: dict[str, Any] = {
    "name": NAME,
    "factory": lambda environ: _Configured(environ["settings"]),
    CHECK: _wanted,
}
"""The sampler ``statsd``: what ``[bridges.statsd]`` names."""
