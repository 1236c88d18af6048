"""The identity: one has one owner, whatever the program and its surroundings are."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sampler._runtime import instance_lock
from sampler.agent import Agent
from sampler.agent.config.reading import parse
from sampler.agent.config.settings import ProgramSettings, Settings
from sampler.agent.identity import identity, release
from sampler.exceptions import ConfigurationError
from tests.support.command import environment
from tests.support.interpreter import runs_interpreters
from tests.support.scope import apart, scope

if TYPE_CHECKING:
    from collections.abc import Iterator

HOLD = """
import os, sys
import sampler.agent.identity  # before another user may not read it
from sampler._runtime import instance_lock
instance_lock._PREFIX = sys.argv[1]
if int(sys.argv[3]):
    os.setgid(int(sys.argv[3]))
    os.setuid(int(sys.argv[3]))
from sampler.agent.identity import identity
print(identity("svc", instance=sys.argv[2])["instance"], flush=True)
sys.stdin.read()
"""
ANY = st.text(st.characters(exclude_categories=()))
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="names are sockets on Linux only")


@pytest.fixture(params=[pytest.param("sockets", marks=LINUX), "files"])
def kind(request: pytest.FixtureRequest, monkeypatch, tmp_path) -> str:
    """Either kind of lock: the one of Linux, and the one of other systems."""
    monkeypatch.setattr(instance_lock, "_FOLDER", str(tmp_path))
    if request.param == "files":
        monkeypatch.setattr(instance_lock, "_lock", instance_lock._lock_file)
    return request.param


@contextmanager
def holding(instance: str = "", *, uid: int = 0, **env: str) -> Iterator[str]:
    """Run a process that has an identity; yield its instance."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, instance_lock._PREFIX, instance, str(uid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(**env),
    )
    try:
        yield process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


@pytest.mark.scenario(50)
def test_living_processes_differ_and_a_restart_gets_its_number_back() -> None:
    """The lowest number nobody holds; SIGKILL frees it too."""
    with holding() as first:
        with holding() as second, holding() as third:
            assert [first, second, third] == ["0", "1", "2"]
        with holding() as again:
            assert again == "1"


@pytest.mark.scenario(50)
def test_other_temporary_folders_see_it(tmp_path) -> None:
    """As with PrivateTmp=yes, in containers on the host's network, for a user without a home."""
    with holding(TMPDIR=str(tmp_path), XDG_RUNTIME_DIR=str(tmp_path), HOME="/nowhere") as first:
        assert (first, identity("svc")["instance"]) == ("0", "1")


@pytest.mark.scenario(50)
@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root becomes others")
def test_other_users_see_it() -> None:
    """Two users never have one identity."""
    with holding(uid=65534) as first, holding(uid=65533) as second:
        assert (first, second, identity("svc")["instance"]) == ("0", "1", "2")


@pytest.mark.scenario(50)
@pytest.mark.netns
@LINUX
def test_a_network_namespace_has_names_of_its_own() -> None:
    """A container counts from 0: there the host's name differs."""
    mine = identity("svc")
    code = "from sampler._runtime import instance_lock\n"
    code += f"instance_lock._PREFIX = {instance_lock._PREFIX!r}\n"
    code += "from sampler.agent.identity import identity; print(identity('svc')['instance'])"
    inside = ["unshare", "-n", sys.executable, "-c", code]
    assert subprocess.check_output(inside, text=True, env=environment()) == "0\n"
    release(mine)


@pytest.mark.scenario(50)
def test_one_process_never_has_a_number_twice(kind) -> None:
    """Two identities of one service differ; a released one is free again."""
    one, two = identity("svc"), identity("svc")
    assert (one["instance"], two["instance"]) == ("0", "1")
    release(one)
    three = identity("svc")
    assert three["instance"] == "0"
    release(two)
    release(three)
    release(three)
    assert not instance_lock._locks


class Names(RuleBasedStateMachine):
    """Identities that come and go in one process: a model says who has what."""

    def __init__(self) -> None:
        super().__init__()
        apart()
        self.living: list[dict[str, str]] = []

    def teardown(self) -> None:
        for each in self.living:
            release(each)

    @rule(service=st.sampled_from("ab"), instance=st.sampled_from(["", "0", "x", "x-0"]))
    def come(self, service: str, instance: str) -> None:
        taken = {each["instance"] for each in self.living if each["service"] == service}
        got = identity(service, "", instance, forked=True)["instance"]  # forked: without patience
        stem = f"{instance}-" if instance else ""
        assert got == next(n for i in range(99) if (n := f"{stem}{i}") not in taken)
        self.living.append({"service": service, "instance": got})

    @rule(index=st.integers(0, 20))
    def go(self, index: int) -> None:
        if self.living:
            release(self.living.pop(index % len(self.living)))

    @invariant()
    def each_is_one_of_a_kind(self) -> None:
        assert len({tuple(each.items()) for each in self.living}) == len(self.living)


Names.TestCase.settings = settings_of_hypothesis(max_examples=30, stateful_step_count=25)
TestNames = Names.TestCase


def test_what_is_said_stands() -> None:
    """Given service, host and instance are taken as they are."""
    found = identity("a b", "h.example", "blue")
    assert (found["service"], found["host"], found["instance"]) == ("a b", "h.example", "blue")
    assert found["pid"].isdecimal()
    release(found)


@pytest.mark.scenario(50)
def test_a_configured_instance_has_one_owner_too(kind, caplog) -> None:
    """The second gets a number appended, and one log line says so; later the instance is free."""
    first, second = identity("svc", instance="blue"), identity("svc", instance="blue")
    assert (first["instance"], second["instance"]) == ("blue", "blue-0")
    (line,) = [record.getMessage() for record in caplog.records]
    assert "'blue' belongs to another process" in line
    assert "'blue-0'" in line
    release(first)
    release(second)
    caplog.clear()
    third = identity("svc", instance="blue")
    assert third["instance"] == "blue"
    assert not caplog.records
    release(third)


@pytest.mark.scenario(50)
def test_a_restart_waits_for_a_process_that_is_about_to_end(monkeypatch) -> None:
    """A lock that is released in time costs no other name."""
    held = identity("svc", instance="blue")
    tried = []

    def pause(_event, _seconds) -> bool:
        tried.append(1)
        if len(tried) == 3:
            release(held)
        return False

    monkeypatch.setattr("sampler.agent.identity._PATIENCE", 60.0)
    monkeypatch.setattr("sampler.agent.identity.Event.wait", pause)
    again = identity("svc", instance="blue")
    assert again["instance"] == "blue"
    assert len(tried) == 3
    release(again)


@pytest.mark.scenario(50)
def test_services_and_instances_are_told_apart() -> None:
    """No two pairs of words have one lock, whatever they hold."""
    words = ["", "a", "b", "a\0", "\0a", "a\0b", "\ud800", "a" * 10_000]
    pairs = [(service, instance) for service in words for instance in words]
    assert all(instance_lock.lock(*pair) for pair in pairs)
    assert not any(instance_lock.lock(*pair) for pair in pairs)
    for pair in pairs:
        instance_lock.unlock(*pair)


@pytest.mark.scenario(50)
@pytest.mark.parametrize(
    "fault",
    [OSError(number, os.strerror(number)) for number in (errno.EPERM, errno.EMFILE, errno.ENOBUFS)]
    + [RuntimeError("an audit hook says no"), ImportError("no module named fcntl")],
    ids=repr,
)
@pytest.mark.parametrize("instance", ["", "blue"])
def test_where_nobody_can_know_the_name_is_for_this_run_only(
    monkeypatch, caplog, fault, instance
) -> None:
    """A sandbox, no descriptor left, a system without locks: another name and a log line each."""

    def take(name: str) -> None:
        raise fault

    monkeypatch.setattr(instance_lock, "_lock", take)
    found = [identity("svc", instance=instance)["instance"] for _ in range(3)]
    assert len({*found, "0", "blue"}) == 5
    assert all(each.startswith(f"{instance}-" if instance else "") for each in found)
    assert len(caplog.records) == 3
    assert "cannot tell which names are taken" in caplog.text


@pytest.mark.scenario(50)
def test_the_numbers_have_an_end(monkeypatch, caplog) -> None:
    """A program that takes all of them makes no other hang or share one."""
    tried = []
    monkeypatch.setattr(instance_lock, "_lock", tried.append)
    assert not identity("svc")["instance"].isdecimal()
    assert len(tried) == 10_000
    assert "all 10000 slots are taken" in caplog.text


@pytest.mark.scenario(50)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_child_lets_go(kind) -> None:
    """An instance that the parent gives back is free, though the child lives."""
    one, two = identity("svc"), identity("svc")
    reading, writing = os.pipe()
    if not (pid := os.fork()):
        try:
            os.write(writing, identity("svc")["instance"].encode())
            signal.pause()
        finally:
            os._exit(1)
    try:
        assert os.read(reading, 10) == b"2"
        release(one)
        assert identity("svc")["instance"] == "0"
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    release(two)


@pytest.mark.scenario(50)
@pytest.mark.parametrize("how", ["close_fds", *["posix_spawn"] * hasattr(os, "posix_spawn")])
def test_a_program_that_is_started_does_not_have_it(how, kind) -> None:
    """Not with ``close_fds=False`` either: no program inherits the descriptor."""
    one = identity("svc")
    told, tell = os.pipe()
    os.set_inheritable(tell, True)
    code = f"import os, signal; os.write({tell}, b'1'); signal.pause()"
    command = [sys.executable, "-c", code]
    if how == "close_fds":
        process = subprocess.Popen(command, close_fds=False)
    else:
        pid = os.posix_spawn(command[0], command, os.environ)
    assert os.read(told, 1) == b"1"
    release(one)
    assert identity("svc")["instance"] == "0"
    if how == "close_fds":
        process.kill()
        process.wait()
    else:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    os.close(told)
    os.close(tell)


@pytest.mark.scenario(50)
def test_a_descriptor_that_is_another_file_by_now_is_left_alone(kind) -> None:
    """A program closed all descriptors and opened a file of its own: that file stays open."""
    one = identity("svc")
    (held,) = instance_lock._locks.values()
    os.close(held.number)
    reading, writing = os.pipe()
    assert held._descriptor in (reading, writing)
    release(one)
    os.write(writing, b"x")
    assert os.read(reading, 1) == b"x"
    os.close(reading)
    os.close(writing)


def test_a_lock_that_somebody_removes_or_plants_is_seen_through(monkeypatch, tmp_path) -> None:
    """On other systems than Linux: a lock on a file that has been removed is none."""
    monkeypatch.setattr(instance_lock, "_FOLDER", str(tmp_path))
    monkeypatch.setattr(instance_lock, "_lock", instance_lock._lock_file)
    opened, real = [], instance_lock._open_file

    def cleaned(path: str) -> int:
        file = real(path)
        opened.append(path)
        if len(opened) < 4:
            Path(path).unlink()  # as a cleaner of temporary files does
        return file

    monkeypatch.setattr(instance_lock, "_open_file", cleaned)
    one = identity("svc")
    assert (one["instance"], len(opened)) == ("0", 4)
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o644, "other users lock it, too"
    release(one)
    file.unlink()
    target = tmp_path / "precious"
    file.symlink_to(target)
    assert identity("svc")["instance"] != "0"
    file.unlink()
    os.mkfifo(file)
    assert identity("svc")["instance"] != "0"
    assert not target.exists()


def settings(**keys) -> Settings:
    return Settings("test", ProgramSettings(interval=60.0, service="svc", **keys))


@pytest.mark.scenario(50)
def test_an_agent_has_its_identity_while_it_runs_and_no_longer() -> None:
    """An agent that only checks takes no instance from one that starts meanwhile."""
    checking, running = Agent(settings(instance="blue")), Agent(settings(instance="blue"))
    assert checking.identity["instance"] == "blue"
    running.start()
    assert running.identity["instance"] == "blue"
    checking.once()
    assert checking.identity["instance"] == "blue-0"
    running.stop()
    again = Agent(settings(instance="blue"))
    again.start()
    assert again.identity["instance"] == "blue"
    again.stop()
    assert not instance_lock._locks


@pytest.mark.scenario(50)
def test_a_start_that_fails_leaves_nothing() -> None:
    """The next one gets the same number."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        wanted = {"service": "svc", "adapters": {"prometheus": {"listen": f"127.0.0.1:{port}"}}}
        for _ in range(3):
            with pytest.raises(ConfigurationError):
                Agent(parse(wanted)).start()
    assert not instance_lock._locks


@pytest.mark.scenario(50)
def test_a_reload_that_changes_who_gives_the_old_name_back() -> None:
    """In both directions."""
    agent = Agent(settings())
    agent.start()
    for instance in ("blue", "green", None):
        agent.reload(settings(instance=instance))
        assert agent.identity["instance"] == (instance or "0")
        assert len(instance_lock._locks) == 1
    agent.stop()


SUBINTERPRETERS = """
import sys, threading
import _xxsubinterpreters as interpreters
code = '''
import os, sys
from sampler._runtime import instance_lock
instance_lock._PREFIX = {prefix!r}
from sampler.agent.identity import identity
os.write({pipe}, identity("svc")["instance"].encode())
'''
import os
reading, writing = os.pipe()
text = code.format(prefix=sys.argv[1], pipe=writing)
made = [interpreters.create(isolated=False) for _ in range(3)]
for each in made:
    interpreters.run_string(each, text)
from sampler._runtime import instance_lock
instance_lock._PREFIX = sys.argv[1]
from sampler.agent.identity import identity
print(sorted(os.read(reading, 10).decode()), identity("svc")["instance"], flush=True)
os._exit(0)
"""


@pytest.mark.scenario(50)
@pytest.mark.skipif(sys.version_info >= (3, 13), reason="the module has another name")
@runs_interpreters
def test_sub_interpreters_of_one_process_differ() -> None:
    """As mod_wsgi's, where each application has one."""
    command = [sys.executable, "-c", SUBINTERPRETERS, scope()]
    said = subprocess.check_output(command, text=True, env=environment())
    assert said == "['0', '1', '2'] 3\n"


@pytest.mark.scenario(62)
@given(ANY, ANY)
def test_every_word_can_be_written_and_two_stay_two(one: str, two: str) -> None:
    """Whatever bytes a name has, it becomes one short line of UTF-8."""
    found = [identity(word or "x", word, word, locked=False) for word in (one, two)]
    for each in found:
        for word in ("service", "host", "instance"):
            assert each[word].encode()
            assert each[word].isprintable()
            assert len(each[word]) <= 200
    assert (found[0]["instance"] == found[1]["instance"]) == ((one or "0") == (two or "0"))


@pytest.mark.scenario(62)
@pytest.mark.parametrize("argv", [[], [""], ["-c"], [b"x"], [None], ["a\udcff.py"], ["a\0\n"]])
def test_the_programs_name_may_be_anything(monkeypatch, argv) -> None:
    """A program that embeds Python may put anything into ``sys.argv``."""
    monkeypatch.setattr(sys, "argv", argv)
    assert identity(locked=False)["service"].encode()
    monkeypatch.delattr(sys, "argv")
    assert identity(locked=False)["service"] == "python"


@pytest.mark.scenario(62)
def test_the_hosts_name_may_be_anything(monkeypatch) -> None:
    """The kernel accepts any bytes."""
    monkeypatch.setattr(socket, "gethostname", lambda: "h\udcff\n")
    assert identity(locked=False)["host"].encode().decode().isprintable()
