"""One adapter's way to its endpoint: encode, queue, send; or answer, when it is scraped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler.agent.accounted import Stepped
from sampler.agent.adapter import ScrapedAdapter
from sampler.agent.encoding import Encoder, encode_all
from sampler.agent.law import Account, Law
from sampler.agent.outbox import NewestOnly, Outbox
from sampler.agent.sender import Sender

if TYPE_CHECKING:
    from collections.abc import Callable

    from sampler._snapshot import Snapshot
    from sampler._worker import Crew
    from sampler.agent.adapter import Adapter, Since
    from sampler.agent.config import Wiring


class Channel:
    """What agents need to know of any adapter.

    Attributes:
        name: the adapter's name in the configuration.
        wiring: its settings.
    """

    def __init__(self, wiring: Wiring, law: Law) -> None:
        self.name: str = wiring.name
        self.wiring = wiring
        self._law = law

    @property
    def bytes(self) -> int:
        """Encoded bytes that wait."""
        return 0

    def account(self) -> Account:
        """Return the law's numbers, read at one moment."""
        return self._law.account()


class Pushed(Channel):
    """The channel of an adapter that pushes."""

    def __init__(self, wiring: Wiring, adapter: Adapter) -> None:
        self.encoder: Encoder = Encoder(wiring.name, adapter)
        self.stamped: bool = getattr(adapter, "stamped", True)
        self.relative: bool = getattr(adapter, "relative", not self.stamped)
        self._stepped = Stepped()
        self._outbox = Outbox(wiring.outbox) if self.stamped else NewestOnly(self.encoder)
        self._sender = Sender(wiring.name, adapter, self._outbox, wiring.timeout)
        super().__init__(wiring, self._outbox.law)

    @property
    def outbox(self) -> Outbox:
        """Where batches and snapshots wait."""
        return self._outbox

    @property
    def bytes(self) -> int:
        """Encoded bytes that wait."""
        return self._outbox.bytes

    @property
    def trouble(self) -> str:
        """What the last attempt to send failed with, or nothing."""
        return self._sender.trouble

    def since(self, snapshot: Snapshot) -> Since:
        """Return what a stamped adapter's differences start from, if it takes any."""
        return self._stepped.since(snapshot) if self.relative else {}

    def start(self) -> None:
        """Begin to send."""
        self._sender.start()

    def finish(self, deadline: float) -> None:
        """Begin the final flush, to end by the monotonic ``deadline``."""
        self._sender.finish(deadline)

    def join(self) -> None:
        """Wait for the end of the flush and settle what is left."""
        self._sender.join()


class Scraped(Channel):
    """The channel of an adapter that is asked."""

    def __init__(self, wiring: Wiring, adapter: ScrapedAdapter) -> None:
        super().__init__(wiring, Law())
        self._adapter = adapter

    def open(self, collect: Callable[[], Snapshot]) -> None:
        """Begin to answer.

        Raises:
            OSError: the address cannot be bound.
        """
        self._adapter.open(collect, self._law)

    def close(self, timeout: float) -> None:
        """Stop answering."""
        self._adapter.close(timeout)


def channel(wiring: Wiring) -> Pushed | Scraped:
    """Return the channel that suits an adapter."""
    adapter = wiring.adapter
    if isinstance(adapter, ScrapedAdapter):
        return Scraped(wiring, adapter)
    return Pushed(wiring, adapter)


def fan_out(crew: Crew, channels: list[Pushed], snapshot: Snapshot) -> None:
    """Hand one snapshot to every pushing adapter of an interval; encoding runs on ``crew``."""
    stamped = [each for each in channels if each.stamped]
    encoded = encode_all(
        crew, [(each.encoder, snapshot, each.since(snapshot)) for each in stamped]
    )
    for each, batches in zip(stamped, encoded, strict=True):
        each.outbox.add(batches)
    for each in channels:
        if isinstance(each.outbox, NewestOnly):
            each.outbox.put(snapshot)
