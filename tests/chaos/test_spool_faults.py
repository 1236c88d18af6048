"""A disk that is full, read-only or failing, and a spool that another agent has."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sampler import Registry
from sampler.agent import Agent
from sampler.agent.config.reading import parse
from tests.chaos.ledger import check
from tests.chaos.spooling import configuration, counting
from tests.support.command import environment
from tests.support.doubles import LineSink
from tests.support.spools import folder, segments
from tests.support.waiting import stop_child, wait_for

ROOT = Path(__file__).parents[2]


class Rig:
    """An agent with a spool before a sink that is away."""

    def __init__(self, spool: Path, sink: LineSink, first: int = 0) -> None:
        registry = Registry()
        self.cell = counting(registry, first)
        self.sink = sink
        self.agent = Agent(parse(configuration(sink.port, str(spool))), registry)
        self.agent.start()
        self.box = self.agent._channels[0].outbox
        self.spool = self.box.spool

    def ticks(self, count: int = 3) -> None:
        """Wait for some more pulls, and look at the law."""
        enough = self.cell[0] + count
        wait_for(lambda: self.cell[0] >= enough, what="more pulls")
        balance = self.balance()
        assert balance.holds
        assert not sum(balance.dropped.values())

    def balance(self):
        return self.agent.balances()["graphite"]

    def all_written(self) -> bool:
        with self.box._changed:
            return all(item.stored.position is not None for item in self.box._waiting)

    def end(self) -> None:
        """Everything has arrived once the sink is back, and the spool is empty."""
        self.sink.listen()
        wait_for(lambda: self.balance().queued == 0, limit=30, what="the backlog")
        self.agent.stop()
        check(self.balance(), len(self.sink.lines))
        numbers = [int(float(x.split()[1])) for x in self.sink.lines if b"count.n " in x]
        assert numbers == list(range(1, self.cell[0] + 1)), "each once, in order"


FAULTS = {
    "full": errno.ENOSPC,
    "quota": errno.EDQUOT,
    "read-only": errno.EROFS,
    "failing": errno.EIO,
}


@pytest.mark.scenario(32)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_disk_that_fails_costs_nothing_but_safety(tmp_path, caplog, monkeypatch, fault) -> None:
    """Pulls and the queue go on in memory; two lines of log; written again when it heals."""
    broken: list[int] = []
    real = os.pwrite

    def pwrite(file, data, offset):
        if not broken:
            return real(file, data, offset)
        if len(data) > 10:
            return real(file, data[:10], offset)  # a short write comes first
        raise OSError(broken[0], os.strerror(broken[0]))

    monkeypatch.setattr(os, "pwrite", pwrite)
    with LineSink() as sink:
        sink.refuse()
        rig = Rig(tmp_path, sink)
        wait_for(lambda: rig.balance().queued > 0 and rig.all_written(), what="the first batch")
        broken.append(FAULTS[fault])
        wait_for(lambda: rig.spool.trouble, what="the fault to be met")
        rig.ticks(5)
        assert not rig.all_written()
        broken.clear()
        wait_for(lambda: not rig.spool.trouble, what="healing")
        rig.ticks()
        wait_for(rig.all_written, what="what was in memory to be written")
        rig.end()
        assert [line for line in sink.lines if b"sampler.spool.works.adapter-graphite 0 " in line]
    where, why = f"the spool in {folder(tmp_path)}", os.strerror(FAULTS[fault])
    assert [line for line in caplog.messages if "spool" in line] == [
        f"adapter 'graphite': {where}: {why}; batches wait in memory only",
        "adapter 'graphite': the spool can be written again",
    ]


@pytest.mark.scenario(32)
def test_a_sync_that_fails_is_said_once(tmp_path, caplog, monkeypatch) -> None:
    """The batches are delivered all the same; a later sync that succeeds ends it."""
    broken = [True]
    real = os.fsync

    def fsync(file):
        if broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(file)

    monkeypatch.setattr(os, "fsync", fsync)
    with LineSink() as sink:
        sink.refuse()
        rig = Rig(tmp_path, sink)
        wait_for(lambda: rig.spool.trouble, what="the fault to be met")
        rig.ticks(5)
        broken.clear()
        wait_for(lambda: not rig.spool.trouble, what="healing")
        rig.end()
    assert len([line for line in caplog.messages if "spool" in line]) == 2


@pytest.mark.scenario(32)
def test_a_folder_that_cannot_be_made_is_tried_again(tmp_path, caplog) -> None:
    """The agent starts without it, and takes it once it can be."""
    obstacle = tmp_path / "spool"
    obstacle.write_text("a file")
    with LineSink() as sink:
        sink.refuse()
        rig = Rig(obstacle, sink)
        wait_for(lambda: rig.spool.trouble, what="the fault to be met")
        rig.ticks()
        obstacle.unlink()
        wait_for(lambda: not rig.spool.trouble, what="healing")
        wait_for(rig.all_written, what="what was in memory to be written")
        assert segments(obstacle)
        rig.end()
    assert len([line for line in caplog.messages if "spool" in line]) == 2


LIMITED = """
import resource, sys
from tests.chaos.test_spool_faults import Rig, wait_for
from tests.support.doubles import LineSink
from pathlib import Path
with LineSink() as sink:
    sink.refuse()
    rig = Rig(Path(sys.argv[1]), sink)
    wait_for(lambda: rig.balance().queued > 0 and rig.all_written())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, hard))
    wait_for(lambda: rig.spool.trouble)
    rig.ticks()
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    wait_for(lambda: not rig.spool.trouble)
    rig.end()
print("ok")
"""


@pytest.mark.scenario(32)
def test_a_limit_on_the_size_of_files(tmp_path) -> None:
    """The kernel's own fault: a short write, then EFBIG."""
    assert python(LIMITED, tmp_path) == "ok\n"


APART = "from tests.support.scope import apart\napart()\n"


def python(code: str, *arguments: object, before: tuple[str, ...] = ()) -> str:
    """Run a program in the tests' folder; return its standard output."""
    done = subprocess.run(
        [*before, sys.executable, "-c", APART + code, *map(str, arguments)],
        cwd=ROOT,
        env=environment(),
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


MOUNTED = """
import subprocess, sys
from tests.chaos.test_spool_faults import Rig, wait_for
from tests.support.doubles import LineSink
from pathlib import Path
disk = Path(sys.argv[1])
def mount(*arguments):
    subprocess.run(["mount", *arguments, str(disk)], check=True)
mount("-t", "tmpfs", "-o", "size=256k,mode=755", "tmpfs")
with LineSink() as sink:
    sink.refuse()
    rig = Rig(disk / "spool", sink)
    wait_for(lambda: rig.balance().queued > 0 and rig.all_written())
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
    wait_for(lambda: rig.spool.trouble, limit=20)
    assert "space" in rig.spool.trouble, rig.spool.trouble
    rig.ticks()
    filler.unlink()
    wait_for(lambda: not rig.spool.trouble and rig.all_written())
    rig.ticks()
    rig.agent.stop()  # a file open for writing would forbid the next
    assert rig.balance().queued == rig.balance().collected
    mount("-o", "remount,ro")
    rig = Rig(disk / "spool", sink, first=rig.cell[0])
    wait_for(lambda: rig.spool.trouble)
    assert "Read-only" in rig.spool.trouble, rig.spool.trouble
    rig.ticks()
    mount("-o", "remount,rw")
    wait_for(lambda: rig.balance().recovered and rig.all_written())
    rig.ticks()
    rig.end()
    wait_for(lambda: not list(disk.glob("spool/*/*.segment")))
print("ok")
"""


@pytest.mark.scenario(32)
@pytest.mark.netns
def test_a_full_file_system_and_one_remounted_read_only(tmp_path) -> None:
    """A tmpfs of 256 KiB, filled, emptied, read-only, writable again."""
    disk = tmp_path / "disk"
    disk.mkdir()
    assert python(MOUNTED, disk, before=("unshare", "-m")) == "ok\n"


@pytest.mark.scenario(34)
def test_two_programs_one_spool(tmp_path) -> None:
    """The second delivers from memory, says so once, and leaves the first one's files alone."""
    with LineSink() as sink:
        sink.refuse()
        first = program(sink.port, tmp_path)
        try:
            wait_for(lambda: segments(tmp_path), what="the first one's batches")
            second = Rig(tmp_path, sink)
            wait_for(lambda: second.spool.trouble, what="the second to say so")
            assert "used by another agent" in second.spool.trouble
            second.ticks(5)
            assert second.spool.size == 0
            stop_child(first.pid)  # so that the files stand still
            files = {file: file.read_bytes() for file in segments(tmp_path)}
            second.ticks(5)
            assert files == {file: file.read_bytes() for file in segments(tmp_path)}
            second.agent.stop()
            balance = second.balance()
            assert balance.holds
            assert balance.dropped["shutdown"] == balance.collected > 0
        finally:
            first.kill()
            first.wait()
            first.stdout.close()


@pytest.mark.scenario(34)
def test_whoever_comes_second_takes_over(tmp_path, caplog) -> None:
    """Once the first has ended the second recovers what it left, and delivers both."""
    with LineSink() as sink:
        sink.refuse()
        first = program(sink.port, tmp_path, first=1_000)
        try:
            wait_for(lambda: segments(tmp_path), what="the first one's batches")
            second = Rig(tmp_path, sink)
            wait_for(lambda: second.spool.trouble, what="the second to say so")
        finally:
            first.kill()
            first.wait()
            first.stdout.close()
        wait_for(lambda: second.balance().recovered, what="what the first left")
        sink.listen()
        wait_for(lambda: second.balance().queued == 0, what="the backlog")
        second.agent.stop()
        check(second.balance(), len(sink.lines))
        assert any(b"count.n 1001 " in line for line in sink.lines)
    assert len([line for line in caplog.messages if "wait in memory only" in line]) == 1


def program(port: int, spool: Path, first: int = 0) -> subprocess.Popen[bytes]:
    """Start `tests.chaos.spooling`."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.spooling", str(port), str(spool), str(first)],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
    )


FORKING = """
import json, os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from tests.chaos.test_spool_faults import Rig, wait_for
from tests.support.doubles import LineSink
from tests.support.spools import segments
from pathlib import Path
spool = Path(sys.argv[1])
with LineSink() as sink:
    sink.refuse()
    rig = Rig(spool, sink)
    wait_for(lambda: rig.balance().queued > 0 and rig.all_written())
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        apart()  # the same instance, as in another container with the same disk
        mine = Rig(spool, sink)
        mine.ticks()
        said = [mine.balance().recovered, mine.spool.trouble, mine.box.spool.size]
        mine.agent.stop()
        os.write(write, json.dumps(said).encode())
        os._exit(0)
    os.close(write)
    recovered, trouble, size = json.loads(os.fdopen(read).read())
    assert os.waitpid(pid, 0)[1] == 0
    assert (recovered, size) == (0, 0), (recovered, size)
    assert "used by another agent" in trouble, trouble
    rig.ticks()
    assert segments(spool)
    assert not rig.spool.trouble
    sink.listen()
    wait_for(lambda: rig.balance().queued == 0, limit=30)
    rig.agent.stop()
    assert rig.balance().holds
print("ok")
"""


@pytest.mark.scenario(34)
def test_a_child_does_not_touch_its_parent_s_spool(tmp_path) -> None:
    """It begins with nothing, tries for the lock itself, and the parent goes on."""
    assert python(FORKING, tmp_path) == "ok\n"


def test_a_disk_that_hangs_holds_neither_pulls_nor_the_stop(tmp_path, monkeypatch) -> None:
    """What waits is delivered from memory; the stop waits half a second for the disk."""
    from threading import Event

    release = Event()
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda *a: (release.wait(30), real(*a))[1])
    with LineSink() as sink:
        rig = Rig(tmp_path, sink)
        rig.ticks(5)
        wait_for(lambda: rig.balance().delivered > 0, what="a delivery")
        sink.refuse()
        rig.ticks(2)
        begun = time.monotonic()
        rig.agent.stop(timeout=1.0)
        assert time.monotonic() - begun < 5.0
        balance = rig.balance()
        assert balance.holds
        assert balance.queued == 0
        assert balance.dropped["shutdown"] > 0
        release.set()
        rig.spool._service.join(10)
    shutil.rmtree(tmp_path)
