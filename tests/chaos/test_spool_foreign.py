"""A spool in whose folder others put things, remove things, or lock things."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from sampler.agent.spool.directory import ASIDE, Folder, HeldError
from sampler.agent.spool.records import payload, record
from tests.support.command import environment
from tests.support.spools import abandon, batch, drain, folder, number, outbox, segments

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = [
    *("9999999999.segment", "0000000000.segment", "0000000001.segment", "0000000002.segment"),
    *("10000000000.segment", "99999999999999999999.segment", "000000001.segment", "1.segment"),
    "\u0660" * 10 + ".segment",  # digits, though none of ours
    "\u2078" * 10 + ".segment",
    *("0000000001.segment\n", "0000000001.segment.damaged", "9999999999.segment.damaged"),
    *("notes.damaged", ".segment", "\udcff.segment", "lock.segment"),
]


def garbage(path: Path) -> None:
    path.write_bytes(b"garbage")


def empty(path: Path) -> None:
    path.touch()


def full_folder(path: Path) -> None:
    path.mkdir()
    (path / "precious").write_text("mine")


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        here = os.open(path.parent, os.O_RDONLY)
        try:
            bound.bind(f"/proc/self/fd/{here}/{path.name}")
        except OSError:  # a name too long for a socket
            path.touch()
        finally:
            os.close(here)


KINDS: dict[str, Callable[[Path], None]] = {
    "garbage": garbage,
    "empty": empty,
    "folder": Path.mkdir,
    "full folder": full_folder,
    "fifo": os.mkfifo,
    "socket": unix_socket,
    "link": lambda path: path.symlink_to("/etc/passwd"),
    "dangling": lambda path: path.symlink_to("nowhere"),
    "loop": lambda path: path.symlink_to(path.name),
    "unreadable": lambda path: (path.write_bytes(b"x"), path.chmod(0)),
    "huge": lambda path: (path.touch(), os.truncate(path, 2**40)),
}


def live(parent: Path, n: int, *, deliver: bool = False) -> list[int]:
    """Live once: recover, take one more batch, end; return what waits then."""
    box = outbox(parent)
    box.add([batch(n)])
    box.spool._round()
    assert not box.spool.trouble
    assert all(item.stored.position is not None for item in box._waiting)
    found = [number(box.spool._segments.read(item.stored.position)) for item in box._waiting]
    if deliver:
        drain(box)
    box.close()
    balance = box.ledger.balance()
    assert balance.holds
    assert balance.recovered == len(found) - 1
    return found


@pytest.mark.scenario(61)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_whatever_is_in_the_folder_what_waits_is_found_again(tmp_path, name, kind) -> None:
    """Put there before the first life or between two: no life loses anything."""
    folder(tmp_path).mkdir()
    for n in range(3):
        target = folder(tmp_path) / name
        if not os.path.lexists(target):
            KINDS[kind](target)
        assert live(tmp_path, n) == list(range(n + 1))
    assert live(tmp_path, 3, deliver=True) == [0, 1, 2, 3]
    assert live(tmp_path, 4) == [4]
    for each in folder(tmp_path).rglob("precious"):
        assert each.read_text() == "mine"
    assert kind != "full folder" or list(folder(tmp_path).rglob("precious"))


class Strangers(RuleBasedStateMachine):
    """Things of others come at any time; everything that waits is found in each life."""

    def __init__(self) -> None:
        super().__init__()
        self.parent = Path(tempfile.mkdtemp())
        folder(self.parent).mkdir()
        self.waiting: list[int] = []
        self.last = 0

    def teardown(self) -> None:
        shutil.rmtree(self.parent)

    @rule(name=st.sampled_from(NAMES), kind=st.sampled_from(list(KINDS)))
    def plant(self, name: str, kind: str) -> None:
        if not os.path.lexists(target := folder(self.parent) / name):
            KINDS[kind](target)

    @rule(deliver=st.booleans())
    def life(self, deliver: bool) -> None:
        self.last += 1
        self.waiting.append(self.last)
        assert live(self.parent, self.last, deliver=deliver) == self.waiting
        if deliver:
            self.waiting.clear()


Strangers.TestCase.settings = settings(max_examples=40, phases=[Phase.generate])
TestStrangers = pytest.mark.scenario(61)(Strangers.TestCase)


@pytest.mark.scenario(61)
def test_the_numbers_never_run_out(tmp_path) -> None:
    """Behind the largest they begin again; those in use are skipped, nothing is lost."""
    folder(tmp_path).mkdir()
    largest = 9_999_999_999
    data = record(payload(batch(77)), largest, 0)
    (folder(tmp_path) / f"{largest}.segment").write_bytes(data)
    for n in range(5):
        found = live(tmp_path, n)
        assert sorted(found) == sorted([77, *range(n + 1)])
    assert {file.name for file in segments(tmp_path)} == {
        *(f"{n:010}.segment" for n in range(1, 6)),
        f"{largest}.segment",
    }


@pytest.mark.scenario(61)
def test_thousands_of_files_cost_one_look_at_each(tmp_path, monkeypatch) -> None:
    """The time does not grow with their square, and the files set aside stay bounded."""
    folder(tmp_path).mkdir()
    for n in range(3_000):
        (folder(tmp_path) / f"{n:010}.segment").write_bytes(b"garbage")
    looks, names = [], Folder.names

    def counted(self: Folder, pattern) -> list[str]:
        looks.append(pattern)
        return names(self, pattern)

    monkeypatch.setattr(Folder, "names", counted)
    assert live(tmp_path, 1) == [1]
    assert len(looks) < 6
    assert len(list(folder(tmp_path).glob("*.damaged"))) == ASIDE


@pytest.mark.scenario(61)
def test_a_file_of_others_is_neither_deleted_nor_written(tmp_path) -> None:
    """Whatever it is called, unless it is called as ours are."""
    own = folder(tmp_path)
    own.mkdir()
    for n in range(20):
        (own / f"notes{n}.damaged").write_text("mine")
    (own / "20000000000.segment").write_text("mine")
    for n in range(3):
        live(tmp_path, n)
    assert sum(file.read_bytes() == b"mine" for file in own.iterdir()) == 21


@pytest.mark.scenario(61)
def test_a_lock_that_is_removed_holds(tmp_path) -> None:
    """Neither a cleaner of temporary files nor a program that opens and closes it unlocks it."""
    box = outbox(tmp_path)
    (folder(tmp_path) / "lock").open("a").close()
    (folder(tmp_path) / "lock").unlink()
    with pytest.raises(HeldError):
        Folder(folder(tmp_path), 2**13).take()
    box.close()
    assert live(tmp_path, 1) == [1]


@pytest.mark.scenario(61)
@pytest.mark.parametrize("fault", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EIO])
def test_a_folder_that_cannot_be_locked_is_not_used(tmp_path, monkeypatch, caplog, fault) -> None:
    """As on a network disk: two agents would lose batches. The log says what to do."""
    waits = outbox(tmp_path)
    waits.add([batch(1)])
    waits.close()
    real = fcntl.flock

    def flock(file: int, how: int) -> None:
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(fcntl, "flock", flock)
    box = outbox(tmp_path)
    for n in (2, 3):
        box.add([batch(n)])
        box.spool._round()
    said = [record.getMessage() for record in caplog.records if "memory only" in record.message]
    assert len(said) == 1
    assert "use a folder on a local disk" in said[0]
    monkeypatch.setattr(fcntl, "flock", real)
    box.spool._round()
    assert [number(each) for each in drain(box)] == [1, 2, 3]
    box.close()
    assert box.ledger.balance().holds


@pytest.mark.scenario(61)
def test_a_folder_that_cannot_be_read_yet_is_let_go(tmp_path, monkeypatch) -> None:
    """Whatever fails while it is locked, the next attempt succeeds, and no descriptor leaks."""
    before = len(list(Path("/dev/fd").iterdir()))
    box = outbox(tmp_path)
    box.close()
    real = os.scandir
    monkeypatch.setattr(os, "scandir", lambda _: (_ for _ in ()).throw(OSError(errno.EIO, "bad")))
    box = outbox(tmp_path)
    for _ in range(3):
        box.spool._round()
        assert "bad" in box.spool.trouble
    monkeypatch.setattr(os, "scandir", real)
    box.spool._round()
    assert not box.spool.trouble
    box.close()
    assert len(list(Path("/dev/fd").iterdir())) == before


@pytest.mark.scenario(61)
def test_a_program_that_closes_what_it_finds_gets_no_byte_of_ours(tmp_path) -> None:
    """Its next files have the same numbers: the spool opens its own again, and goes on."""
    box = outbox(tmp_path)
    box.add([batch(1)])
    box.spool._round()
    files = box.spool._segments
    numbers = [held.number for held in (files._file, files._folder._folder, files._folder._lock)]
    for each in numbers:
        os.close(each)
    mine = tmp_path / "mine"
    mine.mkdir()
    others = [os.open(mine / f"file{i}", os.O_RDWR | os.O_CREAT) for i in range(2)]
    others.append(os.open(mine, os.O_RDONLY))
    assert sorted(others) == sorted(numbers)
    box.add([batch(2)])
    box.spool._round()
    assert [item.stored.position is not None for item in box._waiting] == [
        True,
        True,
    ]
    assert [number(each) for each in drain(box)] == [1, 2]
    box.spool._round()
    box.close()
    assert [file.stat().st_size for file in mine.iterdir()] == [0, 0]
    for each in others:
        os.close(each)  # it is still open
    assert live(tmp_path, 3) == [3]


SUBINTERPRETER = """
import sys
from pathlib import Path
from sampler.agent.spool.directory import Folder, HeldError
import _xxsubinterpreters as interpreters
path = sys.argv[1]
mine = Folder(Path(path), 1_000)
mine.take()
code = f'''
from pathlib import Path
from sampler.agent.spool.directory import Folder, HeldError
try:
    Folder(Path({path!r}), 1_000).take()
except HeldError:
    print("held", flush=True)
'''
interpreters.run_string(interpreters.create(isolated=False), code)
try:
    Folder(Path(path), 1_000).take()
except HeldError:
    print("held here, too")
"""


@pytest.mark.scenario(61)
@pytest.mark.skipif(sys.version_info >= (3, 13), reason="the module has another name")
def test_sub_interpreters_do_not_share_a_spool(tmp_path) -> None:
    """As mod_wsgi's: what a process holds is not everybody's in it."""
    command = [sys.executable, "-c", SUBINTERPRETER, str(tmp_path / "own")]
    said = subprocess.check_output(command, text=True, env=environment())
    assert said == "held\nheld here, too\n"


@pytest.mark.scenario(61)
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_child_does_not_hold_its_parent_s_spool(tmp_path) -> None:
    """A worker that outlives its master does not keep the folder locked."""
    box = outbox(tmp_path)
    told, tell = os.pipe()
    if not (pid := os.fork()):
        try:
            os.write(tell, b"1")
            signal.pause()
        finally:
            os._exit(1)
    try:
        os.read(told, 1)
        with pytest.raises(HeldError):
            Folder(folder(tmp_path), 2**13).take()
        abandon(box)
        assert live(tmp_path, 1) == [1]
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(told)
        os.close(tell)
