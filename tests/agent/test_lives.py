"""Start, reload and stop, whoever calls them from where, and whatever comes in between."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from sampler import Registry
from sampler.agent import Agent
from sampler.agent.config.reading import parse
from sampler.exceptions import ConfigurationError
from tests.support.command import environment
from tests.support.doubles import LineSink
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[2]

PROLOGUE = """
import faulthandler; faulthandler.dump_traceback_later(60, exit=True)
import json, os, signal, sys, threading, time
import sampler, sampler.agent
file, sink, page = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
def configured(*names, flush=2):
    with open(file, "w") as out:
        out.write(f'interval = 0.2\\nservice = "s{os.getpid()}"\\nflush_timeout = {flush}\\n'
                  f'[samplers]\\nenable = {json.dumps(names)}\\n'
                  f'[adapters.graphite]\\nport = {sink}\\n'
                  f'[adapters.prometheus]\\nlisten = "127.0.0.1:{page}"\\n')
def slow():
    time.sleep(0.5)
    yield "a", 1
sampler.register({"name": "good", "sample": lambda: [("a", 1)]})
sampler.register({"name": "slow", "sample": slow})
def threads():
    ours = (t.name for t in threading.enumerate() if t.name.startswith("sampler-"))
    return sorted(set(ours) - {"sampler-log"})
def gone(limit=20):
    until = time.monotonic() + limit
    while threads() and time.monotonic() < until:
        time.sleep(0.01)
    return threads()
def at(seconds, number):
    threading.Timer(seconds, os.kill, (os.getpid(), number)).start()
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def program(tmp_path, sink: int, text: str, page: int | None = None, **options):
    """Run a program; return what it printed last, as JSON, and its standard error."""
    arguments = (str(tmp_path / "sampler.toml"), str(sink), str(page or free_port()))
    done = subprocess.run(
        [sys.executable, "-c", PROLOGUE + textwrap.dedent(text), *arguments],
        env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=90,
        **options,
    )
    assert "<string>" not in done.stderr, done.stderr  # nothing was raised into the program
    return done, json.loads(done.stdout.splitlines()[-1]) if done.stdout else None


@pytest.fixture
def sink():
    with LineSink() as sink:
        yield sink


def port(sink: LineSink) -> int:
    return sink.address[1]


@pytest.mark.scenario(53)
@pytest.mark.parametrize("call", ["start", "reload"])
def test_a_handler_that_stops_the_agent_while_it_starts_or_reloads_ends_it(
    tmp_path, sink, call
) -> None:
    """And the program with it, as SIGTERM handlers do."""
    done, _ = program(
        tmp_path,
        port(sink),
        f"""
        configured("good", "slow")
        def end(*_):
            balances = sampler.agent.stop()
            print(json.dumps([{{k: v.holds for k, v in balances.items()}}, gone()]), flush=True)
            os._exit(7)
        signal.signal(signal.SIGTERM, end)
        if {call!r} == "reload":
            sampler.agent.start(file)
        at(0.1, signal.SIGTERM)
        while True:
            sampler.agent.{call}(file)
            time.sleep(0.01)
        """,
    )
    assert done.returncode == 7
    balances, left = json.loads(done.stdout.splitlines()[-1])
    assert balances in ({"graphite": True, "prometheus": True}, {})  # it had not begun
    assert left in ([], ["sampler-load"])  # which the handler interrupts


@pytest.mark.scenario(53)
def test_a_stop_during_a_start_wins(tmp_path, sink) -> None:
    """The start returns a stopped agent, and nothing of it is left."""
    _, said = program(
        tmp_path,
        port(sink),
        """
        configured("good", "slow")
        signal.signal(signal.SIGALRM, lambda *_: sampler.agent.stop())
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        agent = sampler.agent.start(file)
        print(json.dumps([agent.alive(), sampler.agent.stop(), gone()]))
        """,
    )
    assert said == [False, {}, []]


@pytest.mark.scenario(53)
@pytest.mark.parametrize("call", ["start", "stop", "reload"])
def test_handlers_that_come_all_the_time_neither_deadlock_nor_recurse(
    tmp_path, sink, call
) -> None:
    """Whatever they call, and whatever they interrupt."""
    _, said = program(
        tmp_path,
        port(sink),
        f"""
        configured("good")
        calls = 0
        def handler(*_):
            global calls
            calls += 1
            try:
                sampler.agent.{call}(*([] if {call!r} == "stop" else [file]))
            except RuntimeError as error:
                assert "no agent runs" in str(error), error
        sampler.agent.start(file)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.007)
        until = time.monotonic() + 2
        while time.monotonic() < until or calls < 20:
            sampler.agent.start(file)
            try:
                sampler.agent.reload(file)
            except RuntimeError:
                pass
            sampler.agent.stop()
        signal.setitimer(signal.ITIMER_REAL, 0)
        sampler.agent.stop()
        print(json.dumps([calls, gone()]))
        """,
    )
    calls, left = said
    assert calls >= 20
    assert left == []


@pytest.mark.scenario(53)
@pytest.mark.parametrize("seconds", [0.0, 0.005, 0.02, 0.1, 0.3, 0.6])
def test_an_interrupted_start_leaves_nothing(tmp_path, sink, seconds) -> None:
    """No thread, no port, no identity: the next start is like the first."""
    _, said = program(
        tmp_path,
        port(sink),
        f"""
        configured("good", "slow")
        try:
            at({seconds}, signal.SIGINT)
            sampler.agent.start(file)
            time.sleep(1)
        except KeyboardInterrupt:
            pass
        sampler.agent.stop(0)
        left = gone()
        agent = sampler.agent.start(file)
        said = [left, agent.identity["instance"], agent.alive()]
        sampler.agent.stop()
        print(json.dumps([*said, gone()]))
        """,
    )
    assert said == [[], "0", True, []]


@pytest.mark.scenario(53)
def test_a_start_that_fails_leaves_nothing_either(tmp_path, sink) -> None:
    """A configuration with a problem, and an adapter that cannot be started."""
    _, said = program(
        tmp_path,
        port(sink),
        """
        configured("good")
        from sampler.agent import channel
        whole = channel.PushChannel.start
        def fails(*_):
            raise OSError("no")
        channel.PushChannel.start = fails
        kinds = []
        for _ in range(3):
            try:
                sampler.agent.start(file)
            except OSError as error:
                kinds.append(str(error))
        channel.PushChannel.start = whole
        left = gone()
        agent = sampler.agent.start(file)
        said = [kinds, left, agent.identity["instance"], agent.alive()]
        sampler.agent.stop()
        print(json.dumps([*said, gone()]))
        """,
    )
    assert said == [["no"] * 3, [], "0", True, []]


@pytest.mark.scenario(54)
def test_a_taken_port_costs_the_page_until_it_is_free(tmp_path, sink) -> None:
    """The application goes on, the log says who has it, and the page is there afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        page = holder.getsockname()[1]
        arguments = (str(tmp_path / "sampler.toml"), str(port(sink)), str(page))
        text = """
        configured("good")
        agent = sampler.agent.start(file)
        print("started", agent.alive(), flush=True)
        import urllib.request
        sys.stdin.readline()
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{page}/metrics") as answer:
                    print(b"good_a" in answer.read(), flush=True)
                    break
            except OSError:
                time.sleep(0.05)
        sampler.agent.stop()
        """
        with subprocess.Popen(
            [sys.executable, "-c", PROLOGUE + textwrap.dedent(text), *arguments],
            env=environment(PYTHONPATH=str(ROOT), SAMPLER_DISABLE="slow"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as running:
            assert running.stdout.readline() == "started True\n"
            wait_for(lambda: sink.lines, what="deliveries meanwhile")
            holder.close()
            out, err = running.communicate("go\n", timeout=60)
    assert out == "True\n"
    first, *_, last = err.splitlines()
    assert first.startswith(f"adapter 'prometheus': the port is in use by process {os.getpid()} (")
    assert "the program runs on" in first
    assert last == "adapter 'prometheus': the page is there now"


@pytest.mark.scenario(54)
def test_of_two_workers_the_second_takes_the_page_when_the_first_has_gone(tmp_path, sink) -> None:
    """The log calls it what it is: another process of this program."""
    page = free_port()
    text = """
    configured("good")
    agent = sampler.agent.start(file)
    print("started", flush=True)
    sys.stdin.readline()
    sampler.agent.stop()
    """
    workers = []
    try:
        for _ in range(2):
            worker = subprocess.Popen(
                [
                    *(sys.executable, "-c", PROLOGUE + textwrap.dedent(text)),
                    *(str(tmp_path / "sampler.toml"), str(port(sink)), str(page)),
                ],
                env=environment(PYTHONPATH=str(ROOT), SAMPLER_DISABLE="slow"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            workers.append(worker)
            assert worker.stdout.readline() == "started\n"
        one, two = workers
        one.kill()
        one.wait(30)
        line = two.stderr.readline()
        assert f"another process of this program, process {one.pid}" in line
        assert "the page is there now" in two.stderr.readline()
        with socket.create_connection(("127.0.0.1", page), 10):
            pass
        two.communicate("\n", timeout=60)
        assert two.returncode == 0
    finally:
        for worker in workers:
            worker.kill()
            worker.wait(30)
            for pipe in (worker.stdin, worker.stdout, worker.stderr):
                pipe.close()


def test_the_command_and_whoever_insists_still_refuse_a_taken_port(tmp_path) -> None:
    """78, and the key."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        listen = f"127.0.0.1:{holder.getsockname()[1]}"
        file = tmp_path / "sampler.toml"
        file.write_text(f'[adapters.prometheus]\nlisten = "{listen}"\n')
        for verb in ("run", "check"):
            done = subprocess.run(
                [sys.executable, "-m", "sampler", verb, "-c", str(file)],
                env=environment(PYTHONPATH=str(ROOT)),
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert done.returncode == 78
            assert "adapters.prometheus.listen: the port is in use by process" in done.stderr
        agent = Agent(parse({"adapters": {"prometheus": {"listen": listen}}}), Registry())
        with pytest.raises(ConfigurationError, match=r"adapters\.prometheus\.listen"):
            agent.start()
        assert not agent.alive()


def agent_to(where: int, *, flush: float) -> Agent:
    registry = Registry()
    registry.register({"name": "n", "sample": lambda: [("a", 1), ("b", 2)]})
    return Agent(
        parse(
            {
                "interval": 60,
                "flush_timeout": flush,
                "adapters": {"graphite": {"port": where}},
            }
        ),
        registry,
    )


@pytest.mark.scenario(55)
def test_an_endpoint_that_comes_back_during_the_last_flush_gets_everything() -> None:
    """What waits is tried again while there is time."""
    with LineSink() as sink:
        sink.refuse()
        running = agent_to(sink.address[1], flush=60.0)
        running.start()
        (channel,) = running._pushed
        wait_for(lambda: channel.trouble, what="a first failure")
        ended = threading.Thread(target=running.stop)
        ended.start()
        wait_for(lambda: channel._sender._stopping, what="the last flush")
        sink.listen()
        ended.join(60)
        balance = channel.balance()
        assert balance.holds
        assert balance.delivered == balance.collected == len(sink.lines) > 0


@pytest.mark.scenario(55)
def test_what_the_last_flush_drops_is_said_and_returned(caplog) -> None:
    """With the reason; nobody is told that nothing is lost."""
    running = agent_to(free_port(), flush=0.5)
    running.start()
    balances = running.stop()
    balance = balances["graphite"]
    assert balance.holds
    lost = balance.dropped["shutdown"]
    assert lost == balance.collected > 0
    said = [r.getMessage() for r in caplog.records]
    assert said[-1].startswith(f"adapter 'graphite': at the end {lost} entries are dropped: ")
    assert "refused" in said[-1]
    assert len(said) <= 2  # and that it was away before


@pytest.mark.scenario(55)
def test_an_attempt_that_begins_after_the_end_says_nothing_untrue(caplog) -> None:
    """Not that it is tried again, nor that nothing is lost."""
    with LineSink() as sink:
        running = agent_to(sink.address[1], flush=0.3)
        running.start()
        (channel,) = running._pushed
        wait_for(lambda: channel.balance().delivered, what="a first delivery")
        caplog.clear()
        sink.refuse()
        running.stop()
    assert not [r for r in caplog.records if "nothing is lost" in r.getMessage()]


@pytest.mark.scenario(60)
def test_a_program_that_closes_our_descriptors_gets_no_error_from_a_stop(tmp_path, sink) -> None:
    """What is delivered goes on meanwhile, by a connection that is made anew; so does its page."""
    _, said = program(
        tmp_path,
        port(sink),
        """
        configured("good", flush=1)
        agent = sampler.agent.start(file)
        os.closerange(3, 60)
        def delivered():
            return agent.balances()["graphite"].delivered
        before, until = delivered(), time.monotonic() + 30
        while delivered() == before and time.monotonic() < until:
            time.sleep(0.01)
        went_on = delivered() > before
        def scraped():
            from urllib.request import urlopen
            try:
                return urlopen(f"http://127.0.0.1:{page}/metrics", timeout=5).status
            except OSError:
                return 0
        while not scraped() and time.monotonic() < until:
            time.sleep(0.01)
        went_on = went_on and scraped() == 200 and agent.alive()
        balances = sampler.agent.stop()
        print(json.dumps([went_on, {k: v.holds for k, v in balances.items()}]))
        """,
    )
    assert said == [True, {"graphite": True, "prometheus": True}]


def command(tmp_path, sink: int) -> subprocess.Popen:
    file = tmp_path / "sampler.toml"
    file.write_text(
        'flush_timeout = 600\n[samplers]\nenable = ["process"]\n'
        f"[adapters.graphite]\nport = {sink}\n"
    )
    return subprocess.Popen(
        [sys.executable, "-m", "sampler", "run", "-c", str(file)],
        env=environment(PYTHONPATH=str(ROOT)),
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.scenario(53)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_shortens_the_last_flush(tmp_path, number) -> None:
    """Of a minute, behind an endpoint that is away."""
    with command(tmp_path, free_port()) as running:
        lines = iter(running.stderr.readline, "")
        assert any("refused" in line for line in lines)
        running.send_signal(number)
        assert any("stopping" in line for line in lines)
        time.sleep(0.6)  # what comes sooner is the same wish
        running.send_signal(number)
        rest = list(lines)
        assert running.wait(30) == 0
    assert any("at the end" in line for line in rest)
    assert not any("Traceback" in line for line in rest)


@pytest.mark.scenario(53)
@pytest.mark.parametrize("ms", [60, 100, 150, 200, 300, 400])
def test_ctrl_c_while_the_command_comes_up_is_no_traceback(tmp_path, ms) -> None:
    """From the moment on at which the interpreter runs our code."""
    program = (
        "import os, signal, sys, threading\n"
        f"threading.Timer({ms} / 1000, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "from sampler.cli import main\n"
        "sys.exit(main(['run', '-c', sys.argv[1]]))\n"
    )
    file = tmp_path / "sampler.toml"
    file.write_text('[samplers]\nenable = ["process"]\n')
    done = subprocess.run(
        [sys.executable, "-c", program, str(file)],
        env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 130)
