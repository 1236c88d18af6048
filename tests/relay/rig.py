"""Workers and relays without sockets or threads: the real messages, baselines and sums."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from sampler import ABSENT, Block, HistogramValue, Increments, Series, Snapshot
from sampler.agent.delivery.baselines import Baselines
from sampler.relay.exemplars import NewExemplars
from sampler.relay.frames import FrameReader, frame
from sampler.relay.members import Members
from sampler.relay.messages import VERSION, Hello, Kind, decode_body
from sampler.relay.session import Session
from sampler.relay.tables import Slices, Tables

if TYPE_CHECKING:
    from collections.abc import Mapping

_uuids = count(1)
_pids = count(1000)


class Worker:
    """A process: its series, their values, and what its adapter remembers."""

    def __init__(self, began: float, instance: str = "0", service: str = "shop") -> None:
        self.began = began
        self.hello = Hello(
            VERSION, f"uuid-{next(_uuids)}", service, instance, "worker", began, 10.0, "a"
        )
        self.pid = next(_pids)
        self.values: dict[Series, Any] = {}
        self.baselines = Baselines()
        self.slices = Slices()
        self.exemplars = NewExemplars()
        self.numbers: dict[Series, int] = {}
        self.stands: frozenset[int] = frozenset()
        self.before = 0
        self._tuple: tuple[Series, ...] = ()

    def add(self, name: str, value: Any, kind: str = "counter", **more: Any) -> Series:
        """Let a series begin; its sampler is the first word of its name."""
        labels: Mapping[str, str] = more.pop("labels", {})
        series = Series(name, labels, kind, **more)
        self.values[series] = value
        return series

    def restart(self, series: Series, value: Any, start: float | None = None) -> Series:
        """Let a series start over, as a Collector does."""
        del self.values[series]
        new = series.restarted(start)
        self.values[new] = value
        return new

    def pull(self, now: float) -> Snapshot:
        """Return what a Collector would; the agent's baselines see it."""
        if tuple(self.values) != self._tuple:
            self._tuple = tuple(self.values)
        block = Block("shop", self._tuple, list(self.values.values()), now)
        snapshot = Snapshot((block,), now, self.began, {}, (), 10.0)
        self.baselines.offer(snapshot)
        return snapshot


class Relay:
    """A relay, its readers, and the sessions of its processes."""

    def __init__(self, began: float, number: int = 0) -> None:
        self.now = began
        self.began = began
        self.members = Members(began, lambda: self.now, number)
        self.sessions: dict[Worker, tuple[Session, Tables]] = {}

    def connect(self, worker: Worker) -> None:
        """Let a process say HELLO on a new connection."""
        hello = replace(worker.hello, before=worker.before)
        member = self.members.welcome(hello, worker.pid)
        self.sessions[worker] = Session(self.members, member), Tables(worker.numbers)

    def report(self, worker: Worker, now: float) -> None:
        """Let a process pull and report; the relay confirms."""
        self.now = max(self.now, now)
        self.send(worker, worker.pull(now))

    def send(self, worker: Worker, snapshot: Snapshot) -> None:
        """Let a process report a snapshot."""
        if worker not in self.sessions:
            self.connect(worker)
        session, tables = self.sessions[worker]
        pairs = worker.slices.of(snapshot.blocks)
        slices = [each for _, each in pairs]
        frames = [*tables.update(slices, worker.baselines.since(), worker.stands)]
        frames += [
            part.values(block, place, worker.exemplars)[0]
            for place, (block, part) in enumerate(pairs)
        ]
        worker.exemplars.end()
        answers = b""
        for kind, body in FrameReader().feed(b"".join((*frames, frame(Kind.SYNC)))):
            answers += session.receive(kind, body)
        ((_, answer),) = FrameReader().feed(answers)
        told = decode_body(Kind.ACK, answer)
        if told.stands is not None:
            worker.stands, worker.before = frozenset(told.stands), told.relay
        worker.baselines.handed_over(snapshot)

    def end(self, worker: Worker, how: str = "exit") -> None:
        """Know that a process has ended."""
        if worker in self.sessions:
            session, _ = self.sessions.pop(worker)
            anew = self.members.end(session.member, how)
            self.sessions = {
                other: pair for other, pair in self.sessions.items() if pair[0].member not in anew
            }


class Reader:
    """A consumer of a relay, by the rules of all consumers: it adds up what has grown."""

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self.reader = relay.members.reader()
        self.increments = Increments()
        self.grown: dict[str, Any] = {}
        self.blocks: tuple[Block, ...] = ()

    def collect(self, now: float) -> dict[str, Any]:
        """Collect, and return the values by name and labels."""
        self.relay.now = max(self.relay.now, now)
        self.blocks = self.relay.members.collect(self.reader)
        snapshot = Snapshot(self.blocks, now, self.relay.began, {}, (), 10.0)
        for series, grown, value in self.increments.take(snapshot):
            if series.cumulative:
                more = value if grown is None else grown
                key = str(series)
                self.grown[key] = self.grown.get(key, 0) + (
                    more.count if isinstance(more, HistogramValue) else more
                )
        return {str(series): value for series, value in snapshot}


__all__ = ["ABSENT", "HistogramValue", "Reader", "Relay", "Worker"]
