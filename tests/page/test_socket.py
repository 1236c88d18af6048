"""The unix socket of ``sampler top``: whose it is, and what becomes of it."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from sampler.agent import Agent
from sampler.agent.config.reading import parse
from sampler.exceptions import ConfigurationError
from tests.page.rig import Viewer, agent_with
from tests.support.command import environment, sampler
from tests.support.waiting import wait_for

SHOP = {"name": "shop", "sample": lambda: [("depth", 7)]}


@pytest.fixture
def path():
    """A short path, as the kernel allows 107 bytes, in a folder that everybody may enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "s.sock"


def test_it_has_the_paths_of_the_page(path) -> None:
    """Without any page that listens, and with any name of a host."""
    settings = parse({"interval": 0.2, "socket": str(path)}, "test")
    agent = Agent(settings)
    agent.start()
    try:
        viewer = Viewer(str(path))
        assert viewer.get("now.json", Host="whatever")["version"] == 1
        assert viewer.get("now.json")["adapters"] == []
        assert viewer.ask("/metrics")[0] == 404
        assert agent.balances() == {}
    finally:
        agent.stop(1.0)
    assert not path.is_socket()


def listening_at(path: Path) -> int:
    """Return the number of the descriptor that listens there in this process."""
    for each in [int(each.name) for each in Path("/proc/self/fd").iterdir()]:
        try:
            with socket.socket(fileno=os.dup(each)) as found:
                if found.getsockname() == str(path):
                    return each
        except OSError:
            pass
    raise AssertionError(f"nothing listens at {path}")


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are found as on Linux")
def test_it_is_there_again_after_the_program_has_closed_its_descriptor(path) -> None:
    """For the same users."""
    with agent_with(SHOP, socket=str(path)) as agent:
        os.close(listening_at(path))

        def answers() -> bool:
            try:
                return bool(Viewer(str(path)).get("now.json")["version"] == 1)
            except OSError:
                return False

        wait_for(answers, what="another socket")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert agent.alive()


def test_it_is_this_users_alone(path) -> None:
    """Whatever the umask, from its first moment on."""
    before = os.umask(0)
    try:
        with agent_with(SHOP, socket=str(path)):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(before)


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root becomes others")
def test_another_user_is_refused(path) -> None:
    """By the kernel; and by us, where the file was opened to all."""
    code = (
        "import os, socket, sys\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "s = socket.socket(socket.AF_UNIX)\n"
        "s.settimeout(20)\n"
        "s.connect(sys.argv[1])\n"
        "s.sendall(b'GET /live/now.json HTTP/1.0\\r\\n\\r\\n')\n"
        "print(len(s.recv(9)))\n"
    )

    def tried() -> tuple[str, str]:
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
        )
        return done.stdout, done.stderr

    with agent_with(SHOP, socket=str(path)):
        assert "PermissionError" in tried()[1]
        path.chmod(0o666)
        said, error = tried()
        assert said == "0\n" or "Reset" in error or "Broken" in error, (said, error)
        assert Viewer(str(path)).get("now.json")["version"] == 1


def test_one_that_a_killed_process_has_left_is_replaced(path) -> None:
    """Nobody has to remove it by hand."""
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    with agent_with(SHOP, socket=str(path)):
        assert Viewer(str(path)).get("now.json")["version"] == 1


def test_the_path_of_another_agent_is_refused(path) -> None:
    """With its key and what to do; the other one is left alone."""
    with agent_with(SHOP, socket=str(path)):
        second = Agent(parse({"socket": str(path)}, "second"))
        with pytest.raises(ConfigurationError, match=r"socket: .* listens at .* already"):
            second.start()
        assert Viewer(str(path)).get("now.json")["version"] == 1


def test_sampler_run_of_a_command_says_whose_the_path_is(path, tmp_path) -> None:
    """It runs on, and does not say that `sampler top` finds it there."""
    pytest.importorskip("msgspec", reason="the relay needs it")
    (tmp_path / "sampler.toml").write_text(f'socket = "{path}"\n[adapters.console]\n')
    with agent_with(SHOP, socket=str(path)):
        done = sampler("run", "--", sys.executable, "-c", "pass", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    whose = f"process {os.getpid()} listens at {path} already: end it, or choose another address"
    assert f"socket: {whose}; the program runs on without it, and tries" in done.stderr
    assert "find this process" not in done.stderr


def test_an_application_runs_on_and_takes_the_path_when_it_is_free(path, caplog) -> None:
    """As with a taken port."""
    second = Agent(parse({"interval": 0.2, "service": "second", "socket": str(path)}, "second"))
    with agent_with(SHOP, socket=str(path), service="first"):
        second.start(insist=False)
        assert Viewer(str(path)).get("now.json")["identity"]["service"] == "first"
    try:
        wait_for(path.exists, what="the second one's socket")
        wait_for(
            lambda: Viewer(str(path)).get("now.json")["identity"]["service"] == "second",
            what="the second one",
        )
    finally:
        second.stop(1.0)


def test_what_is_no_socket_stays(path) -> None:
    """It may be somebody's file."""
    path.write_text("dear")
    with pytest.raises(ConfigurationError, match="is no socket"):
        Agent(parse({"socket": str(path)}, "test")).start()
    assert path.read_text() == "dear"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [("relative.sock", "absolute path"), ("/" + "x" * 120, "shorter path"), (7, "a string")],
)
def test_a_wrong_path_is_a_problem_of_the_configuration(wrong, says) -> None:
    """Before anything starts."""
    with pytest.raises(ConfigurationError, match=says):
        parse({"socket": wrong}, "test")


def test_it_moves_with_a_reload(path) -> None:
    """And stays open where it is the same."""
    with agent_with(SHOP, socket=str(path)) as agent:
        page = {"listen": "127.0.0.1:0", "live": True}
        same = {"interval": 0.2, "adapters": {"prometheus": page}}
        inode = path.stat().st_ino
        agent.reload(parse({**same, "socket": str(path), "flush_timeout": 3}, "test"))
        assert path.stat().st_ino == inode
        agent.reload(parse({**same, "socket": f"{path}2"}, "test"))
        assert Viewer(f"{path}2").get("now.json")["version"] == 1
        wait_for(lambda: not path.exists(), what="the old one to go")
        agent.reload(parse(same, "test"))
        wait_for(lambda: not Path(f"{path}2").exists(), what="the other one to go")


_FORKS = """
import os, signal, sys, time, http.client, socket
import sampler.agent
sampler.agent.start({
    "interval": 0.2, "socket": sys.argv[1],
    "adapters": {"prometheus": {"listen": "127.0.0.1:0", "live": True}},
})
child = os.fork()
if not child:
    time.sleep(600)
print(child, flush=True)
os.kill(os.getpid(), signal.SIGKILL) if sys.stdin.read() == "kill" else sampler.agent.stop()
"""


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_forked_child_does_not_serve_its_parents_page(path, end) -> None:
    """Once the parent has ended, nobody listens there, though the child lives."""
    process = subprocess.Popen(
        [sys.executable, "-c", _FORKS, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    child = int(process.stdout.readline())
    try:
        assert Viewer(str(path)).get("now.json")["identity"]["pid"] == process.pid
        process.stdin.write(end)
        process.stdin.close()
        process.wait(30)
        with pytest.raises((ConnectionRefusedError, FileNotFoundError)):
            Viewer(str(path)).get("now.json")
    finally:
        os.kill(child, signal.SIGKILL)
        process.stdout.close()


def test_a_check_says_that_it_can_listen(path, tmp_path) -> None:
    """And leaves nothing behind."""
    (tmp_path / "sampler.toml").write_text(f'socket = "{path}"\n')
    done = sampler("check", cwd=tmp_path)
    assert "socket: can listen" in done.stdout, done.stderr
    assert not path.is_socket()
