"""One adapter's way to its endpoint: encode, queue and send; a scraped one answers instead."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from sampler._runtime.log import log
from sampler._runtime.service import Service
from sampler._runtime.threads import Event
from sampler.agent.config.secrets import described, masked_line
from sampler.agent.delivery.adapter import ScrapedAdapter
from sampler.agent.delivery.baselines import Baselines, IntervalBaselines
from sampler.agent.delivery.encoding import Encoder, encode_all
from sampler.agent.delivery.ledger import Balance, Ledger
from sampler.agent.delivery.outbox import NewestOnly, Outbox
from sampler.agent.delivery.sender import Sender
from sampler.agent.own_metrics import OwnMetrics, default_of
from sampler.agent.spool.spooled_outbox import SpooledOutbox
from sampler.agent.spool.writer import Spool

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sampler._contract.snapshot import Snapshot
    from sampler._runtime.worker import Worker
    from sampler.agent.config.settings import AdapterSettings
    from sampler.agent.delivery.adapter import Adapter, Since
    from sampler.agent.delivery.baselines import Inheritance
    from sampler.agent.delivery.past import Past
    from sampler.agent.source import Source


OPEN_AGAIN = 1.0
"""Seconds between two attempts to open a page."""


class Channel:
    """The channel of any adapter.

    Attributes:
        name: the adapter's name in the configuration.
        settings: its settings.
        ledger: counts its entries.
        spool: keeps what waits on disk; None where it waits in memory only.
    """

    spool: Spool | None = None

    def __init__(self, settings: AdapterSettings, ledger: Ledger) -> None:
        self.name: str = settings.name
        self.settings = settings
        self.ledger = ledger
        wanted = settings.self_metrics or default_of(settings.adapter)
        self._own_metrics = OwnMetrics(wanted)

    @property
    def accounted(self) -> bool:
        """Whether it delivers to a backend: only such are in the agent's account."""
        return not self.settings.for_people

    @property
    def bytes(self) -> int:
        """Encoded bytes that wait."""
        return 0

    def shown(self, snapshot: Snapshot) -> Snapshot:
        """Return what the adapter gets of a snapshot: ``self_metrics`` may leave some out."""
        return self._own_metrics.of(snapshot)

    def balance(self) -> Balance:
        """Return the ledger's numbers, all of one moment."""
        return self.ledger.balance()

    def warn(self) -> None:
        """Warn at the start if others can read what is sent or served."""
        self._say(exposure(self.settings.adapter))

    def _say(self, warning: str | None) -> None:
        if warning:
            log.warning("adapter %r %s", self.name, warning)


class Divider(Protocol):
    """Divides snapshots between an adapter and those that stand in for it."""

    def ways(self, snapshot: Snapshot, *, last: bool) -> Iterable[tuple[PushChannel, Snapshot]]:
        """Return which channel gets what of a snapshot; ``last``: no other one will come."""
        ...


class PushChannel(Channel):
    """The channel of an adapter that pushes.

    Attributes:
        divider: divides what it gets; None: it gets all of it.
    """

    divider: Divider | None = None

    def __init__(
        self, settings: AdapterSettings, adapter: Adapter, ledger: Ledger | None = None
    ) -> None:
        self.encoder: Encoder = Encoder(
            settings.name, adapter, settings.interval, settings.encode_timeout
        )
        self.stamped: bool = getattr(adapter, "stamped", True)
        self.relative: bool = getattr(adapter, "relative", not self.stamped)
        self._baselines = IntervalBaselines() if self.stamped else Baselines()
        self._outbox: Outbox[Any] = self._queue(settings, ledger)
        self._sender = Sender(settings.name, adapter, self._outbox, settings.timeout)
        super().__init__(settings, self._outbox.ledger)

    @property
    def outbox(self) -> Outbox[Any]:
        """Where batches and snapshots wait."""
        return self._outbox

    @property
    def bytes(self) -> int:
        """Encoded bytes that wait."""
        return self._outbox.bytes

    @property
    def trouble(self) -> str:
        """What the last attempt to send failed with; empty when it succeeded."""
        return self._sender.trouble

    @property
    def past(self) -> Past:
        """When attempts to send have failed and succeeded."""
        return self._sender.past

    @property
    def handed_over(self) -> Since:
        """The values from which the next differences start."""
        return self._baselines.since() if isinstance(self._baselines, Baselines) else {}

    def since(self, snapshot: Snapshot) -> Since:
        """Return where a stamped adapter's differences start; empty when it takes none."""
        if self.relative and isinstance(self._baselines, IntervalBaselines):
            return self._baselines.since(snapshot)
        return {}

    def supersede(self, before: Channel | None) -> None:
        """Let a channel of the same name end: what it cannot deliver is part of what comes here.

        A stamped adapter's points would have times of their own: they are lost then.
        """
        if isinstance(before, PushChannel) and not (before.stamped or self.stamped):
            before._sender.superseded = True  # noqa: SLF001 - of one class

    def inherit(self, before: Channel | None) -> None:
        """Start differences from the values at which an ended channel of the same name stopped."""
        if isinstance(before, PushChannel) and before.stamped == self.stamped:
            self.go_on_from(before.inheritance())
        if before is not None and self.settings.for_people:
            self.settings.adapter.go_on(before.settings.adapter)

    def inheritance(self) -> Inheritance:
        """Return the values from which differences go on."""
        return self._baselines.inheritance()

    def go_on_from(self, values: Inheritance) -> None:
        """Start differences from these values, once, instead of the first ones seen."""
        self._baselines.inherit(values)

    def start(self, identity: Mapping[str, str], *, once: bool = False) -> None:
        """Begin to send; the identity names the folder of a spool.

        Args:
            identity: the agent's.
            once: for one pull only, after which the adapter is not closed.
        """
        self.warn()
        if not once:
            self._say(notice(self.settings.adapter))
        self._outbox.start(identity)
        self._sender.start()

    def hurry(self, until: float) -> None:
        """Try at once, and often until the monotonic moment ``until``."""
        self._sender.hurry(until)

    def finish(self, deadline: float, *, close: bool = True, last_try: bool = False) -> None:
        """Begin the final flush, to end by the monotonic ``deadline``; see :class:`Sender`."""
        self._sender.finish(deadline, close=close, last_try=last_try)

    def join(self) -> None:
        """Wait for the end of the flush, then count what is left as dropped."""
        self._sender.join()

    def _queue(self, settings: AdapterSettings, ledger: Ledger | None) -> Outbox[Any]:
        if isinstance(self._baselines, Baselines):
            return NewestOnly(self.encoder, self._baselines, ledger)
        if settings.spool is None:
            return Outbox(settings.outbox, ledger)
        self.spool: Spool | None = Spool(settings.name, settings.spool_bytes, settings.interval)
        return SpooledOutbox(settings.outbox, self.spool, settings.spool, settings.name, ledger)


class ScrapeChannel(Channel):
    """The channel of an adapter that is scraped.

    Attributes:
        collector: what it pulls; set before it is opened.
    """

    collector: Source

    def __init__(
        self, settings: AdapterSettings, adapter: ScrapedAdapter, ledger: Ledger | None = None
    ) -> None:
        super().__init__(settings, ledger or Ledger())
        self._adapter = adapter
        self._closed = Event()
        self._opener: Service | None = None

    def open(self, before: Channel | None = None) -> None:
        """Begin to answer; replace ``before`` where the adapter can.

        Raises:
            OSError: the address cannot be bound.
        """
        replace = getattr(self._adapter, "replace", None)
        if (
            isinstance(before, ScrapeChannel)
            and before.settings.type == self.settings.type
            and replace
        ):
            replace(before._adapter, self._collect, self.ledger)  # noqa: SLF001 - of one class
        else:
            self._adapter.open(self._collect, self.ledger)
        self.warn()

    def open_later(self, problem: str) -> None:
        """Begin to answer as soon as that is possible; the application goes on meanwhile.

        Args:
            problem: why it cannot be opened now.
        """
        log.warning(
            "%s: %s; the program runs on without %s, and tries again every second",
            self._called,
            problem,
            self._opens,
        )
        self._opener = Service(self._open_when_possible, f"sampler-listen-{self.name}")
        self._opener.start()

    @property
    def waiting(self) -> bool:
        """Whether it still waits for its address."""
        return self._opener is not None and self._opener.is_alive()

    def close(self, timeout: float) -> None:
        """Stop answering."""
        self._closed.set()
        if self._opener is not None:
            self._opener.join(timeout)
        self._adapter.close(timeout)

    @property
    def _called(self) -> str:
        settings = self.settings
        return settings.key if settings.for_people else f"adapter {self.name!r}"

    @property
    def _opens(self) -> str:
        return "it" if self.settings.for_people else "the page"

    def _collect(self) -> Snapshot:
        return self.shown(self.collector.collect())

    def _open_when_possible(self) -> None:
        while not self._closed.wait(OPEN_AGAIN):
            with suppress(Exception):  # the log has said why
                self._adapter.open(self._collect, self.ledger)
                break
        else:
            return
        if self._closed.is_set():  # close() came while open() ran
            self._adapter.close(0.0)
            return
        log.warning("%s: %s is there now", self._called, self._opens)
        self.warn()


def channel(
    settings: AdapterSettings, ledger: Ledger | None = None
) -> PushChannel | ScrapeChannel:
    """Return the channel that suits an adapter; ``ledger`` is the one to go on with."""
    adapter = settings.adapter
    if isinstance(adapter, ScrapedAdapter):
        return ScrapeChannel(settings, adapter, ledger)
    return PushChannel(settings, adapter, ledger)


def pushed(channels: Iterable[Channel]) -> list[PushChannel]:
    """Return the channels of adapters that push."""
    return [each for each in channels if isinstance(each, PushChannel)]


def ticked(channels: Iterable[PushChannel]) -> list[PushChannel]:
    """Return those that get every snapshot: others get theirs from the one they stand in for."""
    return [each for each in channels if not each.settings.stands_in_for]


def scraped(channels: Iterable[Channel]) -> list[ScrapeChannel]:
    """Return the channels of adapters that are scraped."""
    return [each for each in channels if isinstance(each, ScrapeChannel)]


def exposure(adapter: Any) -> str | None:
    """Return an adapter's warning that others can read what it sends or serves, or None."""
    return _sentence(adapter, "exposure", "who else can read its data")


def notice(adapter: Any) -> str | None:
    """Return what an adapter has to say at its start, or None."""
    return _sentence(adapter, "notice", "what is to be known of it")


def _sentence(adapter: Any, name: str, about: str) -> str | None:
    try:
        warning = getattr(adapter, name, None)
        return None if warning is None else masked_line(str(warning))
    except (Exception, SystemExit) as error:  # foreign code
        return f"cannot tell {about}: {described(error)}"


def fan_out(
    worker: Worker, channels: list[PushChannel], snapshot: Snapshot, until: float = float("inf")
) -> None:
    """Hand one snapshot to every pushing adapter of an interval.

    Args:
        worker: runs ``encode`` of the stamped ones.
        channels: their channels.
        snapshot: what was pulled.
        until: the monotonic moment by which encoding ends, if it is the last one.
    """
    last = until < float("inf")
    ways = [way for each in channels for way in _ways(each, snapshot, last=last)]
    stamped = [way for way in ways if way[0].stamped]
    encoded = encode_all(
        worker, [(each.encoder, part, each.since(whole)) for each, part, whole in stamped], until
    )
    for (each, _, _), batches in zip(stamped, encoded, strict=True):
        each.outbox.add(batches)
    for each, part, whole in ways:
        if isinstance(each.outbox, NewestOnly):
            each.outbox.put(part, whole)


def _ways(
    channel: PushChannel, snapshot: Snapshot, *, last: bool
) -> Iterable[tuple[PushChannel, Snapshot, Snapshot]]:
    """Yield who gets what, and what that is a part of."""
    shown = channel.shown(snapshot)
    if channel.divider is None:
        return ((channel, shown, snapshot),)
    return [(way, part, part) for way, part in channel.divider.ways(shown, last=last)]
