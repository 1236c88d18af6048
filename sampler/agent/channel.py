"""One adapter's way to its endpoint: encode, queue, send; or answer, when it is scraped."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sampler._runtime.log import log
from sampler._runtime.service import Service
from sampler._runtime.threads import Event
from sampler.agent.config.secrets import described, shown
from sampler.agent.delivery.adapter import ScrapedAdapter
from sampler.agent.delivery.baselines import Stepped
from sampler.agent.delivery.encoding import Encoder, encode_all
from sampler.agent.delivery.ledger import Account, Law
from sampler.agent.delivery.outbox import NewestOnly, Outbox
from sampler.agent.delivery.sender import Sender
from sampler.agent.spool.spooled_outbox import SpooledOutbox
from sampler.agent.spool.writer import Spool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sampler._contract.snapshot import Snapshot
    from sampler._pull.collector import Collector
    from sampler._runtime.worker import Crew
    from sampler.agent.config.settings import Wiring
    from sampler.agent.delivery.adapter import Adapter, Since


OPEN_AGAIN = 1.0
"""Seconds between two attempts to open what is scraped."""


class Channel:
    """What agents need to know of any adapter.

    Attributes:
        name: the adapter's name in the configuration.
        wiring: its settings.
        law: its account.
        spool: where what waits is kept on disk, if it is.
    """

    spool: Spool | None = None

    def __init__(self, wiring: Wiring, law: Law) -> None:
        self.name: str = wiring.name
        self.wiring = wiring
        self.law = law

    @property
    def bytes(self) -> int:
        """Encoded bytes that wait."""
        return 0

    def account(self) -> Account:
        """Return the law's numbers, read at one moment."""
        return self.law.account()

    def warn(self) -> None:
        """Say at the start who else can read what leaves here, if anybody can."""
        if said := exposure(self.wiring.adapter):
            log.warning("adapter %r %s", self.name, said)


class Pushed(Channel):
    """The channel of an adapter that pushes."""

    def __init__(self, wiring: Wiring, adapter: Adapter, law: Law | None = None) -> None:
        self.encoder: Encoder = Encoder(
            wiring.name, adapter, wiring.interval, wiring.encode_timeout
        )
        self.stamped: bool = getattr(adapter, "stamped", True)
        self.relative: bool = getattr(adapter, "relative", not self.stamped)
        self._stepped = Stepped()
        self._outbox: Outbox = self._queue(wiring, law)
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

    def carry(self, before: Channel | None) -> None:
        """Take differences from where a channel of the same name had arrived when it ended."""
        if isinstance(before, Pushed) and before.stamped == self.stamped:
            mine, other = self._baselines(), before._baselines()  # noqa: SLF001 - of one class
            mine.carry(other.carried())

    def start(self, identity: Mapping[str, str]) -> None:
        """Begin to send; a spool is found by the identity."""
        self.warn()
        self._outbox.start(identity)
        self._sender.start()

    def finish(self, deadline: float, *, close: bool = True, last_try: bool = False) -> None:
        """Begin the final flush, to end by the monotonic ``deadline``; see :class:`Sender`."""
        self._sender.finish(deadline, close=close, last_try=last_try)

    def join(self) -> None:
        """Wait for the end of the flush, and settle what is left."""
        self._sender.join()

    def _queue(self, wiring: Wiring, law: Law | None) -> Outbox:
        if not self.stamped:
            return NewestOnly(self.encoder, law)
        if wiring.spool is None:
            return Outbox(wiring.outbox, law)
        self.spool: Spool | None = Spool(wiring.name, wiring.spool_bytes, wiring.interval)
        return SpooledOutbox(wiring.outbox, self.spool, wiring.spool, wiring.name, law)

    def _baselines(self) -> Stepped | NewestOnly:
        return self._outbox if isinstance(self._outbox, NewestOnly) else self._stepped


class Scraped(Channel):
    """The channel of an adapter that is asked.

    Attributes:
        collector: what it pulls; set before it is opened.
    """

    collector: Collector

    def __init__(self, wiring: Wiring, adapter: ScrapedAdapter, law: Law | None = None) -> None:
        super().__init__(wiring, law or Law())
        self._adapter = adapter
        self._closed = Event()
        self._waits: Service | None = None

    def open(self, before: Channel | None = None) -> None:
        """Begin to answer, in the place of ``before`` where the adapter can.

        Raises:
            OSError: the address cannot be bound.
        """
        succeed = getattr(self._adapter, "succeed", None)
        if isinstance(before, Scraped) and before.wiring.type == self.wiring.type and succeed:
            succeed(before._adapter, self._collect, self.law)  # noqa: SLF001 - of one class
        else:
            self._adapter.open(self._collect, self.law)
        self.warn()

    def open_later(self, problem: str) -> None:
        """Begin to answer as soon as that is possible; the application goes on without.

        Args:
            problem: why it cannot be opened now.
        """
        log.warning(
            "adapter %r: %s; the program runs on, and the page is there once that is over",
            self.name,
            problem,
        )
        self._waits = Service(self._wait, f"sampler-listen-{self.name}")
        self._waits.start()

    @property
    def waits(self) -> bool:
        """Whether it cannot answer yet."""
        return self._waits is not None and self._waits.is_alive()

    def close(self, timeout: float) -> None:
        """Stop answering."""
        self._closed.set()
        if self._waits is not None:
            self._waits.join(timeout)
        self._adapter.close(timeout)

    def _collect(self) -> Snapshot:
        return self.collector.collect()

    def _wait(self) -> None:
        while not self._closed.wait(OPEN_AGAIN):
            with suppress(Exception):  # it was said why: it lasts
                self._adapter.open(self._collect, self.law)
                break
        else:
            return
        if self._closed.is_set():  # it took its time
            self._adapter.close(0.0)
            return
        log.warning("adapter %r: the page is there now", self.name)
        self.warn()


def channel(wiring: Wiring, law: Law | None = None) -> Pushed | Scraped:
    """Return the channel that suits an adapter; its account goes on with ``law``."""
    adapter = wiring.adapter
    if isinstance(adapter, ScrapedAdapter):
        return Scraped(wiring, adapter, law)
    return Pushed(wiring, adapter, law)


def exposure(adapter: Any) -> str | None:
    """Return an adapter's sentence on who else can read what it sends or serves, if it has one."""
    try:
        said = getattr(adapter, "exposure", None)
        return None if said is None else shown(str(said))
    except (Exception, SystemExit) as error:  # foreign code
        return f"cannot say who else can read it: {described(error)}"


def fan_out(
    crew: Crew, channels: list[Pushed], snapshot: Snapshot, until: float = float("inf")
) -> None:
    """Hand one snapshot to every pushing adapter of an interval.

    Encoding runs on ``crew``, to the monotonic moment ``until`` at the latest.
    """
    stamped = [each for each in channels if each.stamped]
    encoded = encode_all(
        crew, [(each.encoder, snapshot, each.since(snapshot)) for each in stamped], until
    )
    for each, batches in zip(stamped, encoded, strict=True):
        each.outbox.add(batches)
    for each in channels:
        if isinstance(each.outbox, NewestOnly):
            each.outbox.put(snapshot)
