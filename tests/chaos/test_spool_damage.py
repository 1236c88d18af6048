"""A spool of 1 KiB with every byte flipped, and cut at every length: it always starts."""

from __future__ import annotations

import logging

import pytest

from sampler.agent import Batch
from sampler.agent.spool.records import record
from tests.chaos.ledger import check
from tests.support.spools import abandon, batch, drain, folder, number, outbox, segments


class Sample:
    """The files of a small spool, and which bytes of which belong to which batch."""

    def __init__(self, parent) -> None:
        self.parent = parent
        box = outbox(parent)
        sizes = [20, 90, 12, 110, 45, 80, 33, 70, 50, 120]
        places = {}
        for n, size in enumerate(sizes):
            box.add([batch(n, size, samples=n + 1)])
            box.spool._round()
            places[n] = box._waiting[-1].stored.position
        for _ in range(2):  # two that are done stand in the file, too
            taken = box.take()
            box.settle(delivered=taken.samples)
        box.spool._round()
        abandon(box)
        (self.file,) = segments(parent)
        self.data = self.file.read_bytes()
        assert 900 < len(self.data) < 1_200
        self.waiting = {n: place for n, place in places.items() if n >= 2}
        self.batches = {n: batch(n, size, samples=n + 1) for n, size in enumerate(sizes)}

    def delivered(self, data: bytes) -> list[int]:
        """Start on `data`; return what is delivered, each exactly as it was, the law kept."""
        own = folder(self.parent)
        for file in own.iterdir():
            file.unlink()
        self.file.write_bytes(data)
        box = outbox(self.parent)
        assert not box.spool.trouble
        found = drain(box)
        numbers = [number(each) for each in found]
        assert found == [self.batches[n] for n in numbers], "no wrong sample"
        box.close()
        check(box.ledger.balance(), sum(each.samples for each in found))
        assert not list(own.glob("*.segment")), "what is left is set aside"
        return numbers


@pytest.fixture
def sample(tmp_path, caplog) -> Sample:
    caplog.set_level(logging.CRITICAL)  # thousands of lines say that something is damaged
    return Sample(tmp_path)


@pytest.mark.scenario(33)
@pytest.mark.parametrize("mask", [0xFF, 0x01])
def test_every_byte_flipped(sample, mask) -> None:
    """All records but the one that the byte belongs to are delivered."""
    for at in range(len(sample.data)):
        data = bytearray(sample.data)
        data[at] ^= mask
        intact = [
            n
            for n, place in sample.waiting.items()
            if not place.offset <= at < place.offset + place.length
        ]
        assert sample.delivered(bytes(data)) == intact, at


@pytest.mark.scenario(33)
def test_every_truncation(sample) -> None:
    """All records that are whole are delivered."""
    for size in range(len(sample.data)):
        whole = [n for n, p in sample.waiting.items() if p.offset + p.length <= size]
        assert sample.delivered(sample.data[:size]) == whole, size


@pytest.mark.scenario(33)
def test_bytes_put_in_or_doubled(sample) -> None:
    """A record at another offset than the one it was written for is not read."""
    middle = sample.waiting[5].offset
    before = [n for n in sample.waiting if n < 5]
    for extra in (b"\0", b"\0" * 600, sample.data[:middle], sample.data):
        assert sample.delivered(sample.data[:middle] + extra + sample.data[middle:]) == before


@pytest.mark.scenario(33)
def test_a_frame_that_holds_a_record_is_no_record(tmp_path) -> None:
    """Though the one around it is damaged: a record knows its place."""
    foreign = record(b"\0\0\0\x0c[1,null,[4]]evil", 1, 0)
    box = outbox(tmp_path)
    box.add([Batch((foreign * 3,), 1), batch(1)])
    box.spool._round()
    abandon(box)
    (file,) = segments(tmp_path)
    data = bytearray(file.read_bytes())
    data[5] ^= 0xFF
    file.write_bytes(data)
    again = outbox(tmp_path)
    assert drain(again) == [batch(1)]
    again.close()
    check(again.ledger.balance(), 1)
