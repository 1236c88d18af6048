"""Who measures."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sampler.agent.identity import identity, release
from tests.support.command import environment

HOLD = """
import sys
from sampler.agent.identity import identity
print(identity("svc")["instance"], flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def hold() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )


def end(process: subprocess.Popen[str], *, kill: bool = False) -> None:
    if kill:
        process.kill()
    process.communicate()


def test_living_processes_differ_and_a_restart_gets_its_number_back() -> None:
    """The lowest number nobody holds; SIGKILL frees it too."""
    first, second = hold(), hold()
    try:
        assert sorted(p.stdout.readline().strip() for p in (first, second)) == ["0", "1"]
        third = hold()
        assert third.stdout.readline() == "2\n"
        end(third)
    finally:
        end(first, kill=True)
        end(second, kill=True)
    again = hold()
    assert again.stdout.readline() == "0\n"
    end(again)


def test_one_process_never_has_a_number_twice() -> None:
    """Two identities of one service differ; a released one is free again."""
    one, two = identity("svc"), identity("svc")
    assert (one["instance"], two["instance"]) == ("0", "1")
    release(one)
    three = identity("svc")
    assert three["instance"] == "0"
    release(two)
    release(three)
    release(three)


def test_what_is_said_stands() -> None:
    """Given service, host and instance are taken as they are."""
    found = identity("a b", "h.example", "blue")
    assert (found["service"], found["host"], found["instance"]) == ("a b", "h.example", "blue")
    assert found["pid"].isdecimal()


def test_a_folder_that_is_not_ours_is_not_used(tmp_path) -> None:
    """A symbolic link in its place gives up stability, not safety."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    import os

    (tmp_path / f"sampler-{os.getuid()}").symlink_to(elsewhere)
    assert identity("svc")["instance"] == str(os.getpid())
    assert not list(elsewhere.iterdir())
