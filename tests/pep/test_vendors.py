"""Three vendors in one program, who know each other by what distributions announce only."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.distributions import Site

if TYPE_CHECKING:
    from collections.abc import Callable

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], Any]:
    """Return a call that runs a program with the vendors installed, and returns what it says."""
    site = Site(tmp_path / "site")
    readers = {
        f"{name}.py": (_HERE / "independent" / f"{name}.py")
        .read_text()
        .replace("tests.pep.independent.", "")
        for name in ("one", "one_registry", "three", "three_data")
    }
    group = "sampler.registries"
    site.install("third", {"third": "three:default"}, group=group, files=readers)
    vendor = {
        "vendor_one.py": (_HERE / "vendor_program.py").read_text(),
        "taking_over.py": (_HERE / "taking_over.py").read_text(),
    }
    site.install("first", {"first": "vendor_one:default"}, group=group, files=vendor)

    def run(text: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-c", f"import threading\nfrom vendor_one import *\n{text}"],
            env={"PYTHONPATH": f"{site.folder}:{_ROOT}"},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.mark.clause("R-12", "R-14", "C-16")
def test_what_is_registered_while_a_program_runs_is_pulled_by_all(
    program: Callable[[str], Any],
) -> None:
    """Each consumer pulls each registry, until the sampler is unregistered."""
    said = program("""
consumers = [each() for each in VENDORS]
made = []
for n, registry in enumerate(registries()):
    sample = lambda n=n: [("n", n + 1, None, COUNTER)]
    made.append(registry.register({"name": f"at{n}", "sample": sample}))
first = [each.pull() for each in consumers]
for registry, registration in zip(registries(), made):
    if registry is sampler.registry:
        registration.unregister()
    else:
        registry.unregister(registration)
say([first, [each.pull() for each in consumers]])
""")
    wanted = {"at0.n": 1, "at1.n": 2, "at2.n": 3}
    assert said == [[[wanted, wanted, []]] * 3, [[{}, {}, []]] * 3]


@pytest.mark.clause("R-13", "C-10", "S-10")
def test_ten_consumers_at_once_share_one_read(program: Callable[[str], Any]) -> None:
    """Of each vendor's registry, with its start; and who asks later has it, too."""
    said = program("""
consumers = [VENDORS[n % 3]() for n in range(10)]
asking, all_ask, calls, starts = threading.Semaphore(0), threading.Event(), [], []

def shared(n):
    def sample():
        all_ask.wait(PATIENCE)
        calls.append(n)
        return [("reads", calls.count(n), None, COUNTER)]
    def start():
        starts.append(n)
        return 2e9
    return {"name": f"shared{n}", "sample": sample, "start": start, "min_interval": 3600}

for n, registry in enumerate(registries()):
    registry.register(shared(n))
found = []

def ask(consumer):
    asking.release()
    found.append(consumer.pull())

threads = [threading.Thread(target=ask, args=(each,)) for each in consumers]
for each in threads:
    each.start()
for each in threads:
    asking.acquire()
all_ask.set()
for each in threads:
    each.join()
asked = len(starts)
later = VENDORS[0](), VENDORS[1](), VENDORS[2]()
found += [each.pull() for each in (*later, *consumers)]
say([found, sorted(calls), asked < len(starts)])
""")
    found, calls, asked_again = said
    assert calls == [0, 1, 2]
    one = {f"shared{n}.reads": 1 for n in range(3)}
    none = dict.fromkeys(one, 0)
    assert [(values, failed) for values, _, failed in found] == [(one, [])] * 23
    assert [grown for _, grown, _ in found] == [one] * 10 + [none] * 13
    assert not asked_again


@pytest.mark.clause("R-14", "C-16")
def test_one_sampler_in_three_registries_counts_once(program: Callable[[str], Any]) -> None:
    """Whoever's registration is the earliest; what takes its place begins with a baseline."""
    said = program("""
consumers = [each() for each in VENDORS]
state, calls = {"n": 7}, []

def sample():
    calls.append(1)
    return [("n", state["n"], None, COUNTER)]

def rounds(n):
    state["n"] = n
    before = len(calls)
    pulled = [each.pull()[1:] for each in consumers]
    return pulled, len(calls) - before

shared = {"name": "same", "sample": sample, "start": lambda: 2e9}
mine, theirs, others = [each.register(shared) for each in registries()]
said = [rounds(7), rounds(9)]
mine.unregister()
said += [rounds(9), rounds(12)]
three.default.unregister(theirs)
said += [rounds(12), rounds(13)]
sampler.register(shared)
registries()[2].unregister(others)
said += [rounds(13), rounds(15)]
say(said)
""")
    grown = [7, 2, 0, 3, 0, 1, 0, 2]
    assert said == [[[[{"same.n": each}, []]] * 3, 3] for each in grown]


@pytest.mark.clause("C-09", "R-14")
@pytest.mark.parametrize("victim", [0, 1, 2])
def test_what_fails_for_one_vendor_pauses_for_that_one_only(
    program: Callable[[str], Any], victim: int
) -> None:
    """Each registry has a sampler whose instances fail for one consumer."""
    said = program(f"""
consumers = [each() for each in VENDORS]
victim = consumers[{victim}].name
made = dict.fromkeys((each.name for each in consumers), 0)

def factory(environ):
    made[environ["consumer"]] += 1
    if environ["consumer"] == victim:
        raise ValueError("not for you")
    calls = [0]
    def instance():
        calls[0] += 1
        return [("calls", calls[0])]
    return instance

for n, registry in enumerate(registries()):
    registry.register({{"name": f"picky{{n}}", "factory": factory}})
    registry.register({{"name": f"plain{{n}}", "sample": lambda: [("a", 1)]}})
pulled = [[each.pull() for each in consumers] for _ in range(12)]
say([pulled, [made[each.name] for each in consumers]])
""")
    pulled, made = said
    plain = {f"plain{n}.a": 1 for n in range(3)}
    picky = [f"picky{n}" for n in range(3)]
    for n, found in enumerate(pulled, 1):
        for who, (values, _, failed) in enumerate(found):
            calls = {} if who == victim else {f"{name}.calls": n for name in picky}
            assert (values, failed) == (plain | calls, picky if who == victim else [])
    assert made[victim] < 3 * 12, "it never pauses"
    assert [each for who, each in enumerate(made) if who != victim] == [3, 3]


@pytest.mark.clause("C-21", "S-05")
def test_ledgers_are_nobody_elses_samplers_and_have_labels_of_their_own(
    program: Callable[[str], Any],
) -> None:
    """Our agent and a consumer that delivers for itself send to one backend."""
    said = program("""
from sampler.agent import Agent
from sampler.agent.config.settings import (
    AdapterSettings, ProgramSettings, SamplersSettings, Settings)
from tests.support.memory import Memory
from tests.support.waiting import wait_for

for n, registry in enumerate(registries()):
    registry.register({"name": f"at{n}", "sample": lambda n=n: [("n", n)]})
memory = Memory()
agent = Agent(Settings(
    "test.toml", ProgramSettings(interval=0.1, service="test", instance="0"),
    SamplersSettings(deadline=PATIENCE),
    (AdapterSettings("memory", "memory", memory, 0.1, 1.0, 200_000),)))
agent.start()
consumers = [each() for each in VENDORS[1:]]
backend, ledger = {}, dict.fromkeys(("collected", "delivered", "queued"), 0)

def deliver(consumer):
    values = consumer.pull()[0]
    ledger["collected"] += len(values)
    ledger["delivered"] += len(values)
    for name, value in {**ledger, "recovered": 0, "unconfirmed": 0, "dropped": 0}.items():
        backend[f"sampler.entries.{name}{{consumer={consumer.name}}}"] = value
    backend.update(values)

for _ in range(3):
    deliver(consumers[0])
wait_for(lambda: any("entries.delivered" in name for name, _, _ in memory.received),
         PATIENCE, what="a ledger")
pulled = [sorted(each.pull()[0]) for each in consumers]
balance = agent.stop(PATIENCE)["memory"]
law = (balance.collected + balance.recovered, balance.delivered + balance.unconfirmed
       + sum(balance.dropped.values()) + balance.queued)
ours = sorted({name for name, _, _ in memory.received})
say([ours, sorted(backend), backend, pulled, law])
""")
    ours, theirs, backend, pulled, law = said
    plain = [f"at{n}.n" for n in range(3)]
    for names in pulled:
        assert set(plain) <= set(names)
        assert not [name for name in names if name.startswith("sampler.")]
    shared = set(ours) & set(theirs)
    assert set(plain) <= shared
    assert not [name for name in shared if name.startswith("sampler.")]
    ledgers = {name for name in (*ours, *theirs) if name.startswith("sampler.entries.")}
    assert any(name.startswith("sampler.entries.collected{") for name in ours)
    assert all("{" in name for name in ledgers)
    assert backend["sampler.entries.collected{consumer=third}"] >= 9
    assert law[0] == law[1] > 0
