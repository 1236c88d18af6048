"""The spool: bounded on disk and in memory, ordered, and the law holds over many lives."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sampler.agent import Batch
from sampler.agent.delivery.outbox import Outbox
from sampler.agent.spool.directory import Folder
from sampler.agent.spool.segments import Segments
from sampler.agent.spool.spooled_outbox import OnDisk
from sampler.agent.spool.writer import StoredBatch
from tests.support.spools import abandon, batch, drain, folder, number, outbox, segments

MEMORY = 20_000


class Disk:
    """Stands before the system's calls and fails them."""

    def __init__(self) -> None:
        self.fault: int | None = None
        self._real = os.pwrite, os.open, os.fsync, os.unlink, os.rename
        for name in ("pwrite", "open", "fsync", "unlink", "rename"):
            setattr(os, name, self._failing(getattr(os, name), name))

    def _failing(self, call, name):
        def failing(*args, **kwargs):
            if self.fault is not None and (name != "open" or args[1] & os.O_CREAT):
                if name == "pwrite" and len(args[1]) > 1:  # some of it, as a full disk takes
                    call(args[0], args[1][: len(args[1]) // 2], args[2])
                raise OSError(self.fault, os.strerror(self.fault))
            return call(*args, **kwargs) if name != "fsync" else None  # nobody pulls the plug

        return failing

    def mend(self) -> None:
        os.pwrite, os.open, os.fsync, os.unlink, os.rename = self._real


class Lives(RuleBasedStateMachine):
    """An outbox that is killed, stopped and started, on a disk that fails at times.

    The model knows of each waiting batch whether it is on the disk. What is there comes back in
    the next life, in order; what a kill finds in memory only is lost; nothing else ever comes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.parent = Path(tempfile.mkdtemp())
        self.disk = Disk()
        self.waiting: list[int] = []
        self.written: set[int] = set()
        self.undeleted: set[int] = set()  # delivered while the disk could not be told
        self.flying = False
        self.last = 0
        self.box = outbox(self.parent, max_bytes=MEMORY, spool_bytes=2**18)

    def teardown(self) -> None:
        self.disk.fault = None
        self.disk.mend()
        abandon(self.box)
        shutil.rmtree(self.parent)

    def settle(self) -> None:
        self.box.spool._round()
        if self.disk.fault is None:
            self.written.update(self.waiting)

    @rule(sizes=st.lists(st.integers(500, 4_500), min_size=1, max_size=2))
    def add(self, sizes: list[int]) -> None:
        if len(self.waiting) > 20 or (self.disk.fault and self.box.bytes + sum(sizes) > MEMORY):
            return  # drops have tests of their own
        for size in sizes:
            self.last += 1
            self.box.add([batch(self.last, size)])
            self.waiting.append(self.last)
            self.settle()

    @precondition(lambda self: self.waiting and not self.flying)
    @rule()
    def take(self) -> None:
        taken = self.box.take()
        assert taken is not None
        assert number(taken) == self.waiting[0], "oldest first, whatever life it is from"
        self.flying = True

    @precondition(lambda self: self.flying)
    @rule()
    def land(self) -> None:
        self.box.settle(delivered=self.box._waiting[0].batch.samples)
        done = self.waiting.pop(0)
        if self.disk.fault is not None and done in self.written:
            self.undeleted.add(done)
        self.written.discard(done)
        self.flying = False
        self.settle()

    @precondition(lambda self: self.flying)
    @rule()
    def come_back(self) -> None:
        self.box.put_back()
        self.flying = False

    @rule()
    def rest(self) -> None:
        self.settle()

    @precondition(lambda self: self.disk.fault is None)
    @rule(fault=st.sampled_from([errno.ENOSPC, errno.EROFS, errno.EIO, errno.EDQUOT]))
    def break_disk(self, fault: int) -> None:
        self.settle()
        self.disk.fault = fault

    @precondition(lambda self: self.disk.fault is not None)
    @rule()
    def mend_disk(self) -> None:
        self.disk.fault = None
        self.settle()

    @precondition(lambda self: self.disk.fault is None)
    @rule(clean=st.booleans())
    def end(self, clean: bool) -> None:
        """Stop, or be killed between two rounds; then live again."""
        if clean:
            self.box.close()
            assert self.box.ledger.balance().queued == len(self.waiting)
        else:
            abandon(self.box)
        self.again()

    @precondition(lambda self: self.disk.fault is not None)
    @rule()
    def killed_while_the_disk_fails(self) -> None:
        abandon(self.box)
        self.disk.fault = None
        self.waiting = [n for n in self.waiting if n in self.written]
        self.again()

    def again(self) -> None:
        self.flying = False
        self.box = outbox(self.parent, max_bytes=MEMORY, spool_bytes=2**18)
        found = self.numbers()
        assert [n for n in found if n not in self.undeleted] == self.waiting
        assert found == sorted(set(found)), "in order, none twice"
        self.waiting = found
        self.written, self.undeleted = set(found), set()
        balance = self.box.ledger.balance()
        assert balance.recovered == balance.queued == len(found)

    def numbers(self) -> list[int]:
        spool = self.box.spool
        return [number(spool._segments.read(item.stored.position)) for item in self.box._waiting]

    @invariant()
    def the_law_holds(self) -> None:
        balance = self.box.ledger.balance()
        assert balance.holds
        assert balance.queued == len(self.waiting)
        assert not sum(balance.dropped.values())

    @invariant()
    def what_is_on_the_disk_is_what_the_model_says(self) -> None:
        items = dict(zip(self.waiting, self.box._waiting, strict=True))
        assert {n for n, item in items.items() if item.stored.position is not None} == self.written

    @invariant()
    def memory_is_bounded(self) -> None:
        in_flight = self.box._waiting[0].batch.size if self.flying else 0
        assert self.box.bytes == sum(item.batch.size for item in self.box._waiting)
        assert self.box.bytes <= MEMORY + in_flight


# Shrinking a failure takes minutes of disk work: a failure is shown as it was found.
Lives.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, phases=[Phase.generate]
)
TestLives = Lives.TestCase


def test_more_may_wait_than_memory_holds_and_the_order_stays(tmp_path) -> None:
    """A hundred batches behind a bound of ten come out as they went in."""
    box = outbox(tmp_path, max_bytes=100_000, spool_bytes=2**21)
    for n in range(100):
        box.add([batch(n, 10_000)])
        box.spool._round()
        assert box.bytes <= 100_000
    assert sum(isinstance(item.batch, OnDisk) for item in box._waiting) > 90
    assert [number(found) for found in drain(box)] == list(range(100))
    balance = box.ledger.balance()
    assert (balance.holds, balance.delivered) == (True, 100)
    box.spool._round()
    assert segments(tmp_path) == []
    assert box.spool.size == 0
    box.close()


def test_the_files_are_bounded_and_the_oldest_go_first(tmp_path) -> None:
    """What does not fit drops a segment at the front, and each entry of it is counted."""
    box = outbox(tmp_path, spool_bytes=2**16)
    for n in range(200):
        box.add([batch(n, 1_000, samples=2)])
        box.spool._round()
        assert sum(file.stat().st_size for file in folder(tmp_path).iterdir()) <= 2**16
    left = [number(found) for found in drain(box)]
    balance = box.ledger.balance()
    assert left == list(range(200 - len(left), 200))
    assert balance.holds
    assert balance.dropped["oldest"] == 2 * (200 - len(left)) > 0
    box.close()


def test_a_batch_larger_than_the_spool_waits_in_memory(tmp_path) -> None:
    """It is delivered like any other, and those behind it are written."""
    box = outbox(tmp_path, spool_bytes=2**16)
    box.add([batch(1, 100_000), batch(2)])
    box.spool._round()
    assert [item.stored.position is not None for item in box._waiting] == [
        False,
        True,
    ]
    assert [number(found) for found in drain(box)] == [1, 2]
    box.close()


@pytest.mark.parametrize(
    ("note", "kept"),
    [(None, True), ("text", True), ([1, {"a": 2.5}], True), ((1, 2), False), (object(), False)],
)
def test_a_note_is_kept_where_json_carries_it_unchanged(tmp_path, note, kept) -> None:
    """A batch with any other note waits in memory only."""
    box = outbox(tmp_path)
    box.add([Batch((b"a", b"", b"bc"), 3, {"unsupported": 1}, note)])
    box.spool._round()
    abandon(box)
    again = outbox(tmp_path)
    assert drain(again) == ([Batch((b"a", b"", b"bc"), 3, {}, note)] if kept else [])
    again.close()


def test_halves_of_a_batch_keep_its_record_until_both_have_an_outcome(tmp_path) -> None:
    """A process killed in between sends the whole again; afterwards nothing is left."""
    box = outbox(tmp_path)
    box.add([batch(7, samples=2)])
    box.spool._round()
    whole = box.take()
    box.split([Batch((frame,), 1) for frame in whole.frames])
    box.take()
    box.settle(delivered=1)
    box.spool._round()
    assert box.ledger.balance().holds
    assert len(segments(tmp_path)) == 1
    box.take()
    box.settle(rejected="poison")
    box.spool._round()
    assert segments(tmp_path) == []
    assert box.ledger.balance().holds
    box.close()


def test_what_is_left_at_a_clean_stop_is_queued_and_then_recovered(tmp_path) -> None:
    """In flight or not; what is in memory only is dropped or, in flight, unconfirmed."""
    box = outbox(tmp_path)
    box.add([batch(n) for n in range(5)])
    box.take()
    box.settle(delivered=1)
    box.take()
    box.close()
    balance = box.ledger.balance()
    assert balance.holds
    assert (balance.collected, balance.delivered, balance.queued) == (5, 1, 4)
    again = outbox(tmp_path)
    assert [number(found) for found in drain(again)] == [1, 2, 3, 4]
    balance = again.ledger.balance()
    assert balance.holds
    assert (balance.collected, balance.recovered, balance.delivered) == (0, 4, 4)
    again.close()


def test_a_ledger_that_goes_on_counts_what_it_finds_again_once(tmp_path) -> None:
    """As on a reload: entries that the earlier outbox left were queued, and still are."""
    box = outbox(tmp_path)
    box.add([batch(n) for n in range(3)])
    box.close()
    again = outbox(tmp_path, ledger=box.ledger)
    balance = again.ledger.balance()
    assert (balance.holds, balance.recovered, balance.queued) == (True, 0, 3)
    drain(again)
    again.close()
    assert again.ledger.balance().delivered == 3
    elsewhere = outbox(tmp_path)
    elsewhere.add([batch(9)])
    elsewhere.close()
    shutil.rmtree(folder(tmp_path))
    lost = outbox(tmp_path, ledger=elsewhere.ledger)
    assert lost.ledger.balance().dropped["spool"] == 1
    assert lost.ledger.balance().holds
    lost.close()


def test_a_record_that_breaks_while_it_waits_is_dropped_and_counted(tmp_path, caplog) -> None:
    """The batches behind it are delivered."""
    box = outbox(tmp_path)
    box.add([batch(n, samples=2) for n in range(4)])
    box.close()
    box = outbox(tmp_path)
    (file,) = segments(tmp_path)
    data = bytearray(file.read_bytes())
    data[len(data) // 3] ^= 0xFF
    file.write_bytes(data)
    assert [number(found) for found in drain(box)] == [0, 2, 3]
    balance = box.ledger.balance()
    assert balance.holds
    assert (balance.delivered, balance.dropped["spool"]) == (6, 2)
    assert [r.message for r in caplog.records if r.levelname == "ERROR"] == [
        "adapter 'graphite': a batch in the spool cannot be read and is dropped: it is damaged"
    ]
    box.close()


def test_a_folder_that_somebody_deletes_is_made_again(tmp_path) -> None:
    """What is in memory then is written to the new one."""
    box = outbox(tmp_path)
    box.add([batch(1)])
    box.spool._round()
    shutil.rmtree(folder(tmp_path))
    box.add([batch(2)])
    box.spool._round()
    assert len(segments(tmp_path)) == 1
    assert [number(found) for found in drain(box)] == [1, 2], "both are in memory"
    box.close()


def test_only_the_owner_may_read_it(tmp_path) -> None:
    """Folders 0700, also where there was one with more; files 0600."""
    folder(tmp_path / "deep").mkdir(parents=True, mode=0o755)
    box = outbox(tmp_path / "deep")
    box.add([batch(1)])
    box.spool._round()
    own = folder(tmp_path / "deep")
    assert own.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in own.iterdir()} == {0o600}
    assert {file.suffix for file in own.iterdir()} == {".segment", ""}
    box.close()


def test_no_symbolic_link_is_followed(tmp_path, caplog) -> None:
    """Neither the folder, nor the lock, nor a segment: what they point to stays as it is."""
    target = tmp_path / "target"
    target.mkdir(mode=0o755)
    precious = target / "precious"
    precious.write_text("mine")
    folder(tmp_path).symlink_to(target)
    box = outbox(tmp_path)
    box.add([batch(1)])
    box.spool._round()
    assert box.spool.trouble
    assert list(target.iterdir()) == [precious]
    box.close()
    assert box.ledger.balance().dropped["shutdown"] == 1
    folder(tmp_path).unlink()

    folder(tmp_path).mkdir()
    lock = folder(tmp_path) / "lock"
    lock.symlink_to(precious)
    box = outbox(tmp_path)
    assert box.spool.trouble
    box.close()
    lock.unlink()

    planted = folder(tmp_path) / "0000000001.segment"
    planted.symlink_to(precious)
    (folder(tmp_path) / "0000000002.segment").mkdir()
    os.mkfifo(folder(tmp_path) / "0000000003.segment")
    box = outbox(tmp_path)
    box.add([batch(1)])
    box.spool._round()
    assert not box.spool.trouble
    assert box.spool.damaged == 3
    assert precious.read_text() == "mine"
    assert not planted.is_symlink()
    assert [number(found) for found in drain(box)] == [1]
    box.close()


def test_files_set_aside_are_bounded(tmp_path) -> None:
    """The newest four stay, and no more than an eighth of the bound."""
    own = folder(tmp_path)
    own.mkdir()
    for n in range(1, 10):
        (own / f"{n:010}.segment").write_bytes(b"rubbish")
    box = outbox(tmp_path)
    assert box.spool.damaged == 9
    aside = sorted(file.name for file in own.glob("*.damaged"))
    assert aside == [f"{n:010}.segment.damaged" for n in (6, 7, 8, 9)]
    assert box.spool.size == 4 * 7
    box.close()
    (own / f"{10:010}.segment").write_bytes(b"z" * 2**14)
    box = outbox(tmp_path)
    assert not (own / f"{10:010}.segment.damaged").exists()
    box.close()


def test_one_process_does_not_take_a_folder_twice(tmp_path) -> None:
    """A second outbox goes on in memory, and takes the folder once the first is gone."""
    first, second = outbox(tmp_path), outbox(tmp_path)
    first.add([batch(1)])
    second.add([batch(2)])
    second.spool._round()
    assert "another agent" in second.spool.trouble
    first.close()
    second.spool._round()
    assert not second.spool.trouble
    assert [number(found) for found in drain(second)] == [1, 2]
    assert second.ledger.balance().holds
    second.close()


def test_nothing_is_synced_that_has_left_and_the_rest_once_per_interval(
    tmp_path, monkeypatch
) -> None:
    """An endpoint that answers costs no sync at all."""
    synced = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (synced.append(file), real(file)))
    box = outbox(tmp_path, interval=0.0)
    box.add([batch(1)])
    taken = box.take()
    box.settle(delivered=taken.samples)
    box.spool._round()
    assert synced == []
    box.close()
    box = outbox(tmp_path, interval=60.0)
    for n in range(5):
        box.add([batch(n)])
        box.spool._round()
    assert synced == []
    box.spool._synced -= 60.0
    box.spool._round()
    assert len(synced) == 2, "the file and the folder"
    box.close()
    assert len(synced) == 2, "nothing has been written since"


def test_an_outbox_without_a_spool_does_not_wait_for_what_is_in_one(tmp_path) -> None:
    """As on a reload that takes the spool away: dropped in this ledger, kept on the disk."""
    box = outbox(tmp_path)
    box.add([batch(1), batch(2)])
    box.close()
    plain = Outbox(1_000, box.ledger)
    plain.start({})
    balance = plain.ledger.balance()
    assert balance.holds
    assert (balance.queued, balance.dropped["shutdown"]) == (0, 2)
    assert segments(tmp_path)


def test_what_is_recovered_after_the_end_is_left_for_the_next(tmp_path) -> None:
    """As from a disk that hung until then: no count changes any more."""
    box = outbox(tmp_path)
    box.close()
    before = box.ledger.balance()
    box.recover([(StoredBatch(None), 3)])
    assert box.ledger.balance() == before
    assert box.empty()


def test_a_folder_that_is_taken_at_the_second_attempt_is_counted_once(
    tmp_path, monkeypatch
) -> None:
    """A process without a descriptor left tries again; no file is counted twice."""
    for n in (1, 2):  # each life begins a file of its own
        box = outbox(tmp_path)
        box.add([batch(n)])
        box.spool._round()
        abandon(box)
    size = sum(file.stat().st_size for file in segments(tmp_path))
    assert len(segments(tmp_path)) == 2
    read, tried = Folder.read, []

    def refuse(self: Folder, name: str, longest: int) -> bytes:
        tried.append(name)
        if len(tried) == 2:
            raise OSError(errno.EMFILE, "Too many open files")
        return read(self, name, longest)

    monkeypatch.setattr(Folder, "read", refuse)
    files = Segments(folder(tmp_path), 2**16)
    with pytest.raises(OSError, match="Too many"):
        files.open()
    assert len(files.open()) == 2
    assert files.size == size
    files.close()
