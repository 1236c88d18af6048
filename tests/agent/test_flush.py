"""What is counted with no agent, before it and after it; flush() and push(), and their account."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler import Instruments, Registry
from sampler.agent import Account, AdapterSettings, Agent, Balance
from sampler.agent.config.reading import parse
from sampler.agent.delivery.ledger import REASONS
from sampler.testing import Memory
from tests.support.command import environment
from tests.support.doubles import LineSink
from tests.support.ports import free_port
from tests.support.waiting import wait_for, within

if TYPE_CHECKING:
    from tests.support.servers import StatsD

ROOT = Path(__file__).parents[2]
BEGIN = """
import json, os, sys, time
import sampler, sampler.agent
file = sys.argv[1]
group = sampler.Instruments("job")
rows = group.counter("rows")
"""


def statsd_file(folder: Path, port: int, *more: str, transport: str = "tcp") -> Path:
    """Write a configuration for a StatsD daemon, with an interval that no test waits for."""
    file = folder / "sampler.toml"
    keys = f'transport = "{transport}"\nport = {port}\nprefix = "x"\n'
    file.write_text("\n".join(("interval = 600", *more, "[adapters.statsd]", keys)))
    return file


def run(file: Path, text: str, python: str = sys.executable) -> str:
    """Run a program with BEGIN before it, to its good end; return what it printed."""
    done = subprocess.run(
        [python, "-Wignore::DeprecationWarning", "-c", BEGIN + textwrap.dedent(text), str(file)],
        env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def total(daemon: StatsD, name: str = "x.job.rows") -> float:
    """Return what a counter has added up to, once the daemon has flushed all it has."""
    return daemon.counters_total().get(name, 0)


LIVES = {
    "before": """
        rows.inc(7)
        sampler.agent.start(file)
    """,
    "between": """
        sampler.agent.start(file)
        rows.inc(3)
        sampler.agent.stop()
        rows.inc(2)
        sampler.agent.start(file)
        rows.inc(2)
    """,
    "before, twice between and at the end": """
        rows.inc()
        for _ in range(3):
            sampler.agent.start(file)
            rows.inc()
            sampler.agent.stop()
            rows.inc()
        sampler.agent.push(file)
    """,
    "a group that begins between": """
        sampler.agent.start(file)
        sampler.agent.stop()
        sampler.Instruments("job.late").counter("rows").inc(5)
        rows.inc(7)
        sampler.agent.start(file)
    """,
    "pushes alone": """
        rows.inc(4)
        sampler.agent.push(file)
        sampler.agent.push(file)
        rows.inc(3)
        sampler.agent.push(file)
    """,
    "a push while an agent runs": """
        rows.inc(4)
        sampler.agent.start(file)
        rows.inc()
        sampler.agent.push(file)
        rows.inc(2)
    """,
}


@pytest.mark.parametrize("life", LIVES)
def test_what_is_counted_without_an_agent_arrives_once_an_agent_is_there(
    statsd: StatsD, tmp_path: Path, life: str
) -> None:
    """Before its start, between a stop and the next start, and around pushes; nothing twice."""
    run(statsd_file(tmp_path, statsd.port), LIVES[life])
    assert total(statsd) == 7
    if "late" in LIVES[life]:
        assert total(statsd, "x.job.late.rows") == 5


def test_what_an_endpoint_did_not_take_at_a_stop_is_delivered_by_the_next_agent(
    statsd: StatsD, tmp_path: Path
) -> None:
    """The account says that it was dropped; the next difference has it."""
    file = statsd_file(tmp_path, statsd.port)
    said = run(
        file,
        f"""
        away = file + ".away"
        with open(file) as given, open(away, "w") as moved:
            moved.write(given.read().replace("{statsd.port}", "{free_port()}"))
        sampler.agent.start(file)
        rows.inc(1)
        sampler.agent.stop()
        rows.inc(2)
        import logging; logging.disable()
        sampler.agent.start(away)
        rows.inc(4)
        balance = sampler.agent.stop(0.5)["statsd"]
        rows.inc(8)
        sampler.agent.start(file)
        print(balance.holds, balance.delivered, balance.dropped["shutdown"] > 0)
        """,
    )
    assert said == "True 0 True\n"
    assert total(statsd) == 15


def test_an_adapter_of_another_name_gets_all_that_the_process_has_counted(
    statsd: StatsD, tmp_path: Path
) -> None:
    """A destination that was not there before knows nothing yet."""
    file = statsd_file(tmp_path, statsd.port)
    run(
        file,
        """
        other = file + ".other"
        text = open(file).read().replace("[adapters.statsd]", '[adapters.b]\\ntype = "statsd"')
        open(other, "w").write(text.replace('"x"', '"y"'))
        rows.inc(1)
        sampler.agent.start(file)
        rows.inc(2)
        sampler.agent.stop()
        rows.inc(4)
        sampler.agent.start(other)
        """,
    )
    assert total(statsd) == 3
    assert total(statsd, "y.job.rows") == 7


@pytest.mark.parametrize("parent", ["no agent", "stopped", "running"])
def test_a_forked_child_delivers_what_it_counts_itself(
    statsd: StatsD, tmp_path: Path, parent: str
) -> None:
    """Before, between and after agents of its own; what its parent counted is the parent's."""
    calls = {"no agent": "", "stopped": "sampler.agent.stop()", "running": ""}
    run(
        statsd_file(tmp_path, statsd.port),
        f"""
        hits = 0
        sampler.register({{
            "name": "pool", "sample": lambda: [("hits", hits)],
            "metrics": {{"hits": {{"kind": "counter"}}}},
        }})
        rows.inc(100)
        hits = 100
        if {parent!r} != "no agent":
            sampler.agent.start(file)
        {calls[parent]}
        if (pid := os.fork()) == 0:
            rows.inc(1)
            sampler.agent.start(file)
            rows.inc(2)
            hits += 2
            sampler.agent.stop()
            rows.inc(4)
            hits += 4
            sampler.agent.start(file)
            rows.inc(8)
            hits += 8
            sampler.agent.stop()
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        """,
    )
    counted = {"no agent": 15, "stopped": 115, "running": 115}[parent]
    assert total(statsd) == counted
    # A counter that is no instrument begins with a child's agent, unless its parent's has read it.
    seen = {"no agent": 10, "stopped": 10, "running": 14}[parent]
    assert total(statsd, "x.pool.hits") == seen


def test_flush_delivers_what_was_counted_and_says_what_became_of_it(
    statsd: StatsD, tmp_path: Path
) -> None:
    """At once, not at the interval's end; the agent runs on, and the next flush has the rest."""
    said = run(
        statsd_file(tmp_path, statsd.port, '[samplers]\nenable = ["job"]'),
        """
        sampler.agent.start(file)
        rows.inc(3)
        first = sampler.agent.flush(20)
        rows.inc(4)
        second = sampler.agent.flush(20)
        last = sampler.agent.stop()["statsd"]
        print(first.complete, first.holds, first.queued, dict(first.dropped), dict(first.troubles))
        print(first["statsd"].delivered < second["statsd"].delivered < last.delivered)
        """,
    )
    assert said == "True True 0 {} {}\nTrue\n"
    assert total(statsd) == 7


def test_flush_waits_no_longer_than_it_may_and_what_waits_stays(tmp_path: Path) -> None:
    """An endpoint that is away owes everything; once it is back, the next flush brings it."""
    with LineSink() as sink:
        registry = Registry()
        rows = Instruments("job", registry).counter("rows")
        graphite = {"port": sink.port, "prefix": "x"}
        agent = Agent(parse({"interval": 600, "adapters": {"graphite": graphite}}), registry)
        sink.refuse()
        agent.start()
        rows.inc(3)
        with within(1.0, "the flush"):
            away = agent.flush(1.0)
        assert not away.complete
        assert away.holds
        assert away.queued == away["graphite"].collected
        assert "refused" in away.troubles["graphite"]
        sink.listen()
        rows.inc(4)
        back = agent.flush(20.0)
        assert back.complete
        assert back.queued == 0
        assert back.delivered == back["graphite"].collected == len(sink.lines)
        assert agent.stop()["graphite"].holds
        values = [float(line.split()[1]) for line in sink.lines if b"x.job.rows " in line]
        assert values[-1] == 7


def test_flush_has_what_was_counted_before_it_whatever_tick_runs(patient: object) -> None:
    """A tick under way has pulled already; many flushes at once are one after the other."""
    del patient
    memory, registry = Memory(), Registry()
    rows = Instruments("job", registry).counter("rows")
    settings = parse({"interval": 0.1, "adapters": {}})
    agent = Agent(with_adapter(settings, memory), registry)
    agent.start()

    def count(_: int) -> bool:
        rows.inc()
        counted = rows.read()
        flushed = agent.flush(20.0)
        return flushed.complete and newest(memory, "job.rows") >= counted

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(count, range(40)))
    assert agent.stop()["memory"].holds


def with_adapter(settings: Any, adapter: Any) -> Any:
    """Return settings with one adapter that no configuration names."""
    own = AdapterSettings("memory", "memory", adapter, settings.program.interval)
    return attrs.evolve(settings, adapters=(own,))


def newest(memory: Memory, name: str) -> float:
    """Return the newest value of a series that was delivered."""
    return max(float(entry.value) for entry in memory.entries if entry.name == name)


def test_flush_without_an_agent_has_nothing_to_say(tmp_path: Path) -> None:
    """No exception: a program may call it wherever it is."""
    file = statsd_file(tmp_path, free_port())
    said = run(file, "account = sampler.agent.flush(1)\nprint(account, account.complete)")
    assert said == "Account(adapters={}, troubles={}) True\n"


def test_flush_in_a_forked_child_is_the_childs(statsd: StatsD, tmp_path: Path) -> None:
    """Also in the tenth of a second before its agent has started."""
    run(
        statsd_file(tmp_path, statsd.port),
        """
        sampler.agent.start(file)
        rows.inc(1)
        if (pid := os.fork()) == 0:
            rows.inc(2)
            ok = sampler.agent.flush(20).complete
            os._exit(not ok)
        assert os.waitpid(pid, 0)[1] == 0
        """,
    )
    assert total(statsd) == 3


def test_flush_and_push_may_be_called_by_a_signal_handler(statsd: StatsD, tmp_path: Path) -> None:
    """That interrupts another flush, a start or a stop, again and again."""
    said = run(
        statsd_file(tmp_path, statsd.port),
        """
        import signal
        calls = depth = 0
        def handler(*_):
            global calls, depth
            calls += 1
            rows.inc()
            if depth < 3:
                depth += 1
                sampler.agent.flush(1)
                depth -= 1
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.02)
        until = time.monotonic() + 2
        while time.monotonic() < until or calls < 10:
            sampler.agent.start(file)
            sampler.agent.flush(5)
            sampler.agent.stop()
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        sampler.agent.push(file)
        print(calls)
        """,
    )
    assert total(statsd) == float(said)


def test_push_of_an_endpoint_that_is_away_says_so(tmp_path: Path) -> None:
    """In its account, within its time; and a bad configuration is the caller's."""
    said = run(
        statsd_file(tmp_path, free_port()),
        """
        import logging; logging.disable()
        rows.inc()
        begun = time.monotonic()
        account = sampler.agent.push(file, timeout=1)
        print(account.complete, account.holds, account["statsd"].dropped["shutdown"] > 0)
        try:
            sampler.agent.push("nonesuch.toml")
        except sampler.ConfigurationError as error:
            print("No such file" in str(error))
        """,
    )
    assert said == "False True True\nTrue\n"


@given(
    st.lists(
        st.fixed_dictionaries(
            {name: st.integers(0, 9) for name in ("delivered", "unconfirmed", "queued")}
            | {"dropped": st.dictionaries(st.sampled_from(REASONS), st.integers(0, 9))}
        ),
        max_size=3,
    )
)
def test_an_account_is_the_sum_of_its_balances(parts: list[dict[str, Any]]) -> None:
    """And complete exactly when no endpoint owes an entry."""
    balances = {
        str(n): Balance(
            collected=sum((p["delivered"], p["unconfirmed"], p["queued"], *p["dropped"].values())),
            recovered=0,
            **p,
        )
        for n, p in enumerate(parts)
    }
    account = Account(balances)
    assert account.holds
    collected = sum(each.collected for each in balances.values())
    lost = sum(account.dropped.values())
    assert collected == account.delivered + account.unconfirmed + account.queued + lost
    owed = {"oldest", "rejected", "shutdown", "spool", "unauthorized"} & account.dropped.keys()
    assert account.complete is (not owed and not account.queued)


SHORT_LIVES = int(os.environ.get("SAMPLER_SHORT_LIVES", "10"))
"""How many programs; ``SAMPLER_SHORT_LIVES=100`` for the whole figure."""
SHORT = """
import atexit
sampler.agent.start(file)
rows.inc(7)
"""


@pytest.mark.parametrize("busy", [False, True])
def test_the_last_batch_of_a_short_program_arrives(
    statsd: StatsD, tmp_path: Path, busy: bool
) -> None:
    """Of each, also beside a thread that never lets go and on a machine with other work."""
    file = statsd_file(tmp_path, statsd.port, "flush_timeout = 60")
    text = SHORT
    if busy:
        text += "import threading\nspin = lambda: [None for _ in iter(int, 1)]\n"
        text += "threading.Thread(target=spin, daemon=True).start()\n"
    with ThreadPoolExecutor(4 if busy else 1) as programs:
        list(programs.map(lambda _: run(file, text), range(SHORT_LIVES)))
    wait_for(lambda: total(statsd) >= 7 * SHORT_LIVES, what="every last batch")
    assert total(statsd) == 7 * SHORT_LIVES


@pytest.mark.parametrize("call", ["flush(60)", "push(file, timeout=60)"])
def test_ctrl_c_ends_a_flush_or_a_push_that_waits(tmp_path: Path, call: str) -> None:
    """It is the program's: KeyboardInterrupt comes through."""
    with LineSink() as sink:
        sink.blackhole()
        file = tmp_path / "sampler.toml"
        file.write_text(f"interval = 600\n[adapters.graphite]\nport = {sink.port}\ntimeout = 60\n")
        start = "sampler.agent.start(file)" if "flush" in call else ""
        said = run(
            file,
            f"""
            import logging, signal, threading
            logging.disable()
            {start}
            threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                sampler.agent.{call}
            except KeyboardInterrupt:
                print("interrupted")
            sampler.agent.stop(0)
            """,
        )
    assert said == "interrupted\n"


def test_a_push_at_the_end_of_a_program_raises_nothing(tmp_path: Path) -> None:
    """Where no thread can start then, as on 3.12, it says so and is not complete."""
    with LineSink() as sink:
        file = tmp_path / "sampler.toml"
        file.write_text(f"interval = 600\n[adapters.graphite]\nport = {sink.port}\n")
        text = "import atexit\natexit.register(lambda: print(sampler.agent.push(file).complete))"
        done = subprocess.run(
            [sys.executable, "-c", BEGIN + text, str(file)],
            env=environment(PYTHONPATH=str(ROOT)),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert "Traceback" not in done.stderr
        assert done.stdout == f"{bool(sink.lines)}\n"
