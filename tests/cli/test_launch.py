"""``sampler run -- COMMAND`` as a parent: statuses, signals, terminal, process 1, its relay."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import termios
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.command import environment, sampler
from tests.support.waiting import wait_for, within

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 30.0
PYTHON = (sys.executable, "-I", "-S", "-c")
"""An interpreter that is not wired, for commands that need more than a shell has."""
PASSED = ("TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "TTIN", "TTOU", "WINCH")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a configuration that delivers nothing."""
    (tmp_path / "sampler.toml").write_text("interval = 0.5\nflush_timeout = 5\n")
    return tmp_path


def launched(folder: Path, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    done: subprocess.CompletedProcess[str] = sampler(
        "run", "-qq", "--", *command, cwd=folder, **env
    )
    return done


@contextmanager
def launching(
    folder: Path, *command: str, options: str = "-qq"
) -> Iterator[subprocess.Popen[str]]:
    """Run a command in the background, whose output can be read."""
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-m", "sampler", "run", options, "--", *command],
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def children(pid: int) -> dict[int, str]:
    """Return the children of a process, with their command lines."""
    numbers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(n): Path(f"/proc/{n}/cmdline").read_text().replace("\0", " ") for n in numbers}


def relay_of(process: subprocess.Popen[str], *, but: int = 0) -> int:
    """Return the process id of the relay, once there is one that is not ``but``."""

    def found() -> int:
        relays = [pid for pid, line in children(process.pid).items() if " relay " in line]
        return relays[0] if relays and relays[0] != but else 0

    return wait_for(found, LIMIT, "a relay")


def test_a_bad_file_is_said_before_the_command_starts(folder):
    """The status is 78, and the text that of ``sampler check``."""
    (folder / "sampler.toml").write_text('interval = "soon"\n')
    done = launched(folder, "touch", "started")
    assert done.returncode == 78
    assert "interval: expected a number" in done.stderr
    assert not (folder / "started").exists()


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ("exit 0", 0),
        ("exit 7", 7),
        ("kill -TERM $$", -signal.SIGTERM),
        ("kill -KILL $$", -signal.SIGKILL),
        ("kill -SEGV $$", -signal.SIGSEGV),
    ],
)
def test_the_status_is_the_commands(folder, script, status):
    """A number, or the same signal: a caller sees what it would have seen without us."""
    assert launched(folder, "sh", "-c", script).returncode == status


def test_a_command_that_is_not_there_has_a_shells_status(folder):
    """127, and 126 for what cannot be executed, each with one line."""
    missing, folder_itself = launched(folder, "nonesuch"), launched(folder, str(folder))
    assert missing.returncode == 127
    assert missing.stderr == "sampler run: nonesuch: No such file or directory\n"
    assert folder_itself.returncode == 126
    assert folder_itself.stderr.endswith("Permission denied\n")


@pytest.mark.parametrize(
    "arguments", [("--",), ("--once", "--", "true"), ("--test", "--", "true")]
)
def test_wrong_arguments_are_refused(folder, arguments):
    """A command is needed, and it is run neither once nor as a test."""
    done = sampler("run", *arguments, cwd=folder)
    assert done.returncode == 2
    assert "-- goes before a command" in done.stderr


def test_words_after_the_dashes_are_the_commands(folder):
    """Options and further dashes, too."""
    done = launched(folder, "echo", "-c", "--", "-q", "--once")
    assert done.stdout == "-c -- -q --once\n"


def test_a_relay_that_the_environment_names_is_not_replaced_in_silence(folder):
    """One line says where the command reports, and how it would report there."""
    done = launched(folder, "sh", "-c", "echo $SAMPLER_RELAY", SAMPLER_RELAY="@another")
    assert done.stdout.startswith("@sampler-run-")
    assert done.stderr == (
        "sampler run: SAMPLER_RELAY is @another, but this command has a relay of its own, and "
        "reports to that: leave 'sampler run --' out to report to @another\n"
    )


def test_the_end_of_a_command_does_not_wait_for_a_process_that_it_did_not_start(folder):
    """Which reports by the socket of ``[relay]`` and goes on: ``flush_timeout`` is not waited."""
    address = f"@{os.urandom(8).hex()}"
    text = f'interval = 0.5\nflush_timeout = 300\n[relay]\nsocket = "{address}"\n'
    (folder / "sampler.toml").write_text(text)
    program = """
import sampler.agent, sys
sampler.agent.start()
while not sampler.agent.flush(20).complete:
    pass
print(True)
sys.stdin.read()
"""
    os.mkfifo(folder / "fifo")
    with launching(folder, "sh", "-c", "read line < fifo; echo $line") as process:
        relay_of(process)
        with subprocess.Popen(
            [sys.executable, "-uc", program],
            env=environment(SAMPLER_RELAY=address),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as other:
            try:
                assert other.stdout.readline() == "True\n"
                (folder / "fifo").write_text("the end\n")
                out, _ = process.communicate(timeout=LIMIT)
                assert out == "the end\n"
                assert other.poll() is None
            finally:
                other.kill()


def test_signals_are_passed(folder):
    """Each of them reaches the command once."""
    program = f"""
import os, signal
def got(number, frame):
    os.write(1, (signal.Signals(number).name + "\\n").encode())
for name in {PASSED!r}:
    signal.signal(getattr(signal, "SIG" + name), got)
os.write(1, b"ready\\n")
while True:
    signal.pause()
"""
    with launching(folder, *PYTHON, program) as process:
        assert process.stdout.readline() == "ready\n"
        for name in PASSED:
            process.send_signal(getattr(signal, f"SIG{name}"))
            assert process.stdout.readline() == f"SIG{name}\n"
        (command,) = [pid for pid, line in children(process.pid).items() if " relay " not in line]
        os.kill(command, signal.SIGKILL)
        assert process.wait(LIMIT) == -signal.SIGKILL
        assert process.stdout.read() == "", "none came twice"


def test_a_hangup_has_the_relay_read_its_file_again(folder):
    """The command gets the signal, too."""
    with launching(
        folder,
        "sh",
        "-c",
        "trap 'echo hup' HUP; echo ready; while :; do sleep 0.05; done",
        options="-v",
    ) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGHUP)
        assert process.stdout.readline() == "hup\n"
        wait_for(lambda: "reloaded" in (folder / "log").read_text(), LIMIT, "the relay to reread")
        process.terminate()
        assert process.wait(LIMIT) == -signal.SIGTERM


def test_a_dead_relay_is_started_again(folder):
    """On the same socket, while the command goes on; the pause grows, and what is lost is said."""
    with launching(folder, "sh", "-c", 'echo "$SAMPLER_RELAY"; exec sleep 1000') as process:
        address = process.stdout.readline().strip()
        first = relay_of(process)
        os.kill(first, signal.SIGKILL)
        second = relay_of(process, but=first)
        assert address in sockets()
        os.kill(second, signal.SIGKILL)
        relay_of(process, but=second)
        said = (folder / "log").read_text()
        assert re.findall(r"another one starts in (\S+) s", said) == ["0.1", "0.2"]
        begins = "its totals begin at 0, and what this one has received and not delivered is lost"
        assert said.count(begins) == 2
        process.terminate()
        assert process.wait(LIMIT) == -signal.SIGTERM
    assert address not in sockets()


def sockets() -> set[str]:
    """Return the addresses of all unix sockets of this host that have one."""
    lines = Path("/proc/net/unix").read_text().splitlines()
    return {line.split()[7] for line in lines if len(line.split()) > 7}


def test_the_relay_outlives_a_signal_to_everybody(folder):
    """As systemd sends it to a whole control group: the relay waits for what comes last."""
    with launching(
        folder, "sh", "-c", "trap 'exit 3' USR1; echo ready; while :; do sleep 0.05; done"
    ) as process:
        assert process.stdout.readline() == "ready\n"
        relay = relay_of(process)
        os.kill(relay, signal.SIGTERM)
        process.send_signal(signal.SIGUSR1)
        assert process.wait(LIMIT) == 3
    assert "another one starts" not in (folder / "log").read_text()
    assert not Path(f"/proc/{relay}").exists()


def test_a_relay_ends_with_its_parent(folder):
    """Even where that is killed."""
    with launching(folder, "sh", "-c", "echo $$; exec sleep 1000") as process:
        command = int(process.stdout.readline())
        relay = relay_of(process)
        process.kill()
        process.wait(LIMIT)
        os.kill(command, signal.SIGKILL)
        wait_for(lambda: not Path(f"/proc/{relay}").exists(), LIMIT, "the relay to end")


def test_a_relay_that_hangs_does_not_hold_up_the_end(folder):
    """A stopped one is continued."""
    with launching(folder, "sh", "-c", "echo ready; exec sleep 1000") as process:
        process.stdout.readline()
        os.kill(relay_of(process), signal.SIGSTOP)
        with within(15):
            process.terminate()
            assert process.wait(60) == -signal.SIGTERM


def test_what_systemd_says_is_for_the_command(folder):
    """Sockets and the id with them, and where it notifies; the relay has nothing of that."""
    program = """
import os
print(os.environ["LISTEN_PID"] == os.environ["WATCHDOG_PID"] == str(os.getpid()))
print(os.environ["NOTIFY_SOCKET"], os.read(3, 5).decode())
for pid in open(f"/proc/{os.getppid()}/task/{os.getppid()}/children").read().split():
    if pid != str(os.getpid()):
        seen = open(f"/proc/{pid}/environ").read()
        print("LISTEN_" in seen, "NOTIFY_" in seen, "WATCHDOG_" in seen)
        opened = [os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")]
        print("passed" in map(os.path.basename, opened))
"""
    (folder / "passed").write_text("given")
    (folder / "command.py").write_text(program)
    script = f"""
exec 3< passed
export LISTEN_FDS=1 LISTEN_PID=$$ WATCHDOG_PID=$$ NOTIFY_SOCKET=@nobody
exec {sys.executable} -m sampler run -qq -- {sys.executable} -I -S command.py
"""
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.splitlines() == ["True", "@nobody given", "False False False", "False"]


def test_the_environment_stays_what_it_is(folder):
    """But for what wires: the rest of PYTHONPATH is kept."""
    done = launched(folder, "env", PYTHONPATH="/some/where", OTHER="x")
    told = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    ours, _, rest = told["PYTHONPATH"].partition(":")
    assert (Path(ours) / "sitecustomize.py").exists()
    assert rest == "/some/where"
    assert told["OTHER"] == "x"
    assert told["SAMPLER_RELAY"].startswith("@sampler-run-")


def test_process_1_reaps_and_passes_signals(folder):
    """As in a container; its status is a shell's, for no signal ends it."""
    if subprocess.run(["unshare", "-pf", "--mount-proc", "true"], capture_output=True).returncode:
        pytest.skip("process namespaces need root and unshare")
    program = """
import os, signal, time
reading, writing = os.pipe()
if not os.fork():
    if not os.fork():
        os.write(writing, b"%d" % os.getpid())
        os._exit(0)
    os._exit(0)
os.wait()
orphan = int(os.read(reading, 20))
while os.path.exists(f"/proc/{orphan}"):
    time.sleep(0.01)
print("reaped", os.getppid(), flush=True)
os.kill(1, signal.SIGTERM)
while True:
    signal.pause()
"""
    done = subprocess.run(
        [
            *(
                "unshare",
                "-pf",
                "--mount-proc",
                sys.executable,
                "-m",
                "sampler",
                "run",
                "-qq",
                "--",
            ),
            *(*PYTHON, program),
        ],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "reaped 1\n"
    assert done.returncode == 128 + signal.SIGTERM


def on_terminal(folder: Path, *command: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start a program in a session of its own on a terminal; return it, and the other end."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment(PS1="$ ", TERM="dumb"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
    )
    os.close(theirs)
    return process, ours


class Screen:
    """What a terminal shows, and its keyboard."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor, self.text = descriptor, ""

    def types(self, text: bytes) -> None:
        """Type."""
        os.write(self.descriptor, text)

    def shows(self, text: str) -> bool:
        """Tell whether a text has been shown since this was last true."""
        with suppress(OSError):
            self.text += os.read(self.descriptor, 65536).decode(errors="replace")
        _, found, after = self.text.partition(text)
        if found:
            self.text = after
        return bool(found)


def test_ctrl_c_reaches_the_command_once(folder):
    """It is in the foreground, and the terminal sends the signal to both of us."""
    program = """
import os, signal
count = 0
def interrupted(*_):
    global count
    count += 1
    os.write(1, b"interrupted\\n")
def ended(*_):
    os.write(1, b"count %d\\n" % count)
    os._exit(0)
signal.signal(signal.SIGINT, interrupted)
signal.signal(signal.SIGTERM, ended)
print("foreground", os.tcgetpgrp(0) == os.getpgrp(), flush=True)
while True:
    signal.pause()
"""
    process, descriptor = on_terminal(
        folder, sys.executable, "-m", "sampler", "run", "-qq", "--", *PYTHON, program
    )
    screen = Screen(descriptor)
    try:
        wait_for(lambda: screen.shows("foreground True"), LIMIT, "the command to start")
        screen.types(b"\x03")
        wait_for(lambda: screen.shows("interrupted"), LIMIT, "the interrupt")
        process.terminate()  # the parent takes this after any interrupt that it has got
        wait_for(lambda: screen.shows("count 1"), LIMIT, "one interrupt")
        assert process.wait(LIMIT) == 0
    finally:
        process.kill()
        process.wait()
        os.close(descriptor)


def test_a_shell_stops_and_continues_the_job(folder):
    """Ctrl-Z stops parent and command, ``fg`` continues both."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is missing")
    process, descriptor = on_terminal(folder, bash, "--norc", "--noprofile", "-i")
    screen = Screen(descriptor)
    line = f"{sys.executable} -m sampler run -qq -- sh -c 'echo be''gun; read x; echo got $x'\n"
    try:
        wait_for(lambda: screen.shows("$ "), LIMIT, "a prompt")
        screen.types(line.encode())
        wait_for(lambda: screen.shows("begun"), LIMIT, "the command to start")
        screen.types(b"\x1a")
        wait_for(lambda: screen.shows("Stopped"), LIMIT, "the job to stop")
        wait_for(lambda: screen.shows("$ "), LIMIT, "a prompt")  # behind the job's name
        screen.types(b"fg\n")
        wait_for(lambda: screen.shows("sampler run"), LIMIT, "the job to continue")
        screen.types(b"word\n")
        wait_for(lambda: screen.shows("got word"), LIMIT, "the command to read the terminal")
        wait_for(lambda: screen.shows("$ "), LIMIT, "a prompt")
        screen.types(b"exit 0\n")
        assert process.wait(LIMIT) == 0
    finally:
        process.kill()
        process.wait()
        os.close(descriptor)


def test_the_parent_is_thin(folder):
    """It has one thread, and nothing of an agent, an adapter or a log."""
    program = """
import sys
from sampler.cli import main
status = main(["run", "-c", "nonesuch.toml", "--", "true"])
heavy = {"attr", "asyncio", "logging", "threading", "json", "sampler.agent", "sampler.adapterkit"}
print(status, sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "78 []\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["python3", "-I", "x.py"], "python3 -I starts no agent"),
        (["/usr/bin/python3.12", "-bE", "-m", "x"], "-bE starts no agent"),
        (["python", "-m", "x", "-I"], ""),
        (["python", "-X", "importtime", "-WError", "x.py"], ""),
        (["gunicorn", "-I"], ""),
    ],
)
def test_a_python_that_ignores_the_environment_is_pointed_out(words, says):
    """It would run without an agent."""
    from sampler.wiring._environment import not_wired

    said = not_wired(words, {})
    assert says in said
    assert bool(says) == bool(said)


def test_an_import_of_the_users_own_for_uwsgi_is_pointed_out():
    """There is one variable for it."""
    from sampler.wiring._environment import not_wired

    said = not_wired(["uwsgi"], {"UWSGI_SHARED_IMPORT": "mine"})
    assert "UWSGI_SHARED_IMPORT is set already" in said


@pytest.mark.parametrize(
    ("command", "reports"),
    [
        ((sys.executable, "-c", "pass"), True),
        (("env", "-i", sys.executable, "-c", "pass"), False),
        ((sys.executable, "-c", f"import subprocess; subprocess.run({[*PYTHON, 'pass']})"), True),
        (("sh", "-c", f"{sys.executable} -I -c pass"), False),
    ],
)
def test_a_command_that_ends_unseen_is_told_of(folder, command, reports):
    """With the reasons and the remedy; where one process has reported, nothing is said."""
    done = sampler("run", "--", *command, cwd=folder)
    assert done.returncode == 0
    line = "the command has ended, and no process of it has reported: "
    assert (line in done.stderr) is not reports, done.stderr
