"""How long an adapter may take to encode, and what it costs when it takes longer."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from sampler._runtime.worker import Worker
from sampler.agent import Batch
from sampler.agent.delivery.encoding import Encoder, encode_all
from tests.adapters.shapes import gauge, snapshot

SHOT = snapshot((gauge("a.b"), 1), (gauge("a.c"), 2))
TIME = 60.0
"""Seconds that nothing here takes."""


class Slow:
    """An adapter whose ``encode`` lasts until it is let go."""

    def __init__(self, seconds: float) -> None:
        self.go = threading.Event()
        self.seconds = seconds

    def encode(self, snapshot: Any, since: Any) -> Any:
        self.go.wait(self.seconds)
        yield Batch((b"x",), len(snapshot))

    def send(self, batch: Any, timeout: float) -> Any:
        """Nothing."""


def encoded(*encoders: Encoder) -> list[dict[str, int] | int]:
    """Return of each what it refused, or how many entries it encoded."""
    worker = Worker("t")
    try:
        found = encode_all(worker, [(encoder, SHOT, {}) for encoder in encoders])
    finally:
        worker.close()
    return [dict(batch.refused) or batch.samples for (batch,) in found]


@pytest.mark.scenario(63)
def test_an_encoder_that_needs_long_has_what_its_interval_leaves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A million series take more than five seconds: nothing is dropped within the interval."""
    monkeypatch.setattr("sampler.agent.delivery.encoding.ENCODE_DEADLINE", 0.05)
    assert encoded(Encoder("a", Slow(0.4), interval=TIME)) == [2]
    assert encoded(Encoder("a", Slow(0.4), timeout=TIME)) == [2]


@pytest.mark.scenario(63)
def test_each_encoder_of_a_round_has_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that takes longer than it may costs its own entries; those beside it have theirs."""
    monkeypatch.setattr("sampler.agent.delivery.encoding.ENCODE_DEADLINE", TIME)
    stuck = Slow(TIME)
    try:
        found = encoded(
            Encoder("first", Slow(0.3), timeout=TIME),
            Encoder("stuck", stuck, timeout=0.2),
            Encoder("last", Slow(0.3)),
        )
        assert found == [2, {"encode": 2}, 2]
    finally:
        stuck.go.set()
