"""The examples: installed as their users would, and as small as the README says."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.support.command import environment
from tests.support.installed import ROOT

if TYPE_CHECKING:
    from pathlib import Path

USE_THE_POOL = """
import gc, sys
sys.modules["sampler"] = None            # importing it would fail
import mypool
from mypool.metrics import SAMPLER
def read():
    return {(n, *sorted((l or {}).items())): v for n, v, *rest in SAMPLER["sample"]()
            for l in [rest[0] if rest else None]}
one, other = (mypool.Pool(dict, name="a", max_size=2) for _ in range(2))
with one.connection():
    with one.connection(), other.connection():
        pass
    assert read()["connections", ("pool", "a"), ("state", "used")] == 1
try:
    with one.connection(), one.connection(), one.connection(timeout=0.01):
        pass
except mypool.PoolTimeoutError as error:
    assert "pool 'a'" in str(error)
found = read()
assert found["checkouts", ("pool", "a")] == 5, found
assert found["timeouts", ("pool", "a")] == 1
assert found["connections", ("pool", "a"), ("state", "idle")] == 3
del one, other
gc.collect()
found = read()
assert found["checkouts", ("pool", "a")] == 5, "a counter does not fall with its pool"
assert not [key for key in found if key[0] == "connections"]
print("fine")
"""


def run(python: Path, *arguments: str, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [python, *arguments],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_library_imports_nothing_and_counts_right() -> None:
    """Mypool works, and its sampler too, where this project cannot even be imported."""
    done = subprocess.run(
        [sys.executable, "-c", USE_THE_POOL],
        env=environment(PYTHONPATH=str(ROOT / "examples" / "library")),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "fine\n", done.stderr


def test_an_installed_adapter_and_library_are_found(python) -> None:
    """Third-party entry points are listed with their distribution and version."""
    found = json.loads(run(python, "-m", "sampler", "list", "--json"))
    adapters = {row["name"]: row for row in found["adapters"]}
    assert adapters["jsonl"]["distribution"] == "sampler-jsonl"
    assert adapters["jsonl"]["available"]
    samplers = {row["name"]: row for row in found["samplers"]}
    assert (samplers["mypool"]["distribution"], samplers["mypool"]["version"]) == ("mypool", "1.0")


def test_a_third_party_adapter_is_wired_like_ours(python, tmp_path) -> None:
    """Its keys are checked, and ``run --once`` delivers through it."""
    config = tmp_path / "sampler.toml"
    config.write_text('[adapters.jsonl]\npath = "out.jsonl"\nsync = false\n')
    said = run(python, "-m", "sampler", "run", "--once", cwd=tmp_path)
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    assert f"jsonl: {len(entries)} collected = {len(entries)} delivered" in said
    assert {"process.cpu.time", "sampler.entries.collected"} <= {e["name"] for e in entries}
    config.write_text('[adapters.jsonl]\npaht = "out.jsonl"\nsync = 3\n')
    done = subprocess.run(
        [python, "-m", "sampler", "check"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment(),
    )
    assert done.returncode == 78
    assert "adapters.jsonl.paht: unknown key (did you mean 'path'?)" in done.stderr
    assert "adapters.jsonl.sync: expected true or false, got 3" in done.stderr


def test_the_adapter_stays_as_small_as_promised() -> None:
    """A third-party adapter has at most 60 lines."""
    source = ROOT / "examples" / "adapter" / "sampler_jsonl" / "__init__.py"
    assert len(source.read_text().splitlines()) <= 60


def test_a_full_disk_is_an_endpoint_that_does_not_answer() -> None:
    """The example raises Unavailable, so the agent retries: /dev/full is always full."""
    script = (
        "from sampler_jsonl import JSONLines\n"
        "from sampler.agent import Batch, Unavailable\n"
        "try:\n"
        "    JSONLines(path='/dev/full').send(Batch((b'x',), 1), 1.0)\n"
        "except Unavailable as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(PYTHONPATH=str(ROOT / "examples" / "adapter")),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "/dev/full: No space left on device\n", done.stderr
