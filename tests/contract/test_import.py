"""What importing and registering cost a library that publishes a sampler."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.interpreter import CPYTHON
from tests.support.wings import WINGS

ROOT = Path(__file__).parents[2]
FORBIDDEN = {
    "asyncio",
    "attr",
    "attrs",
    "importlib.metadata",
    "inspect",
    "logging",
    "re",
    "threading",
    "typing",
    "weakref",
}

OF_OS = {"os.path", "posixpath", "genericpath", "stat", "_stat", "abc", "_abc", "errno"}
IMPORT = "import sampler"
REGISTER = "import sampler; sampler.register({'name': 'mypool', 'sample': list})"
COUNT = "import sampler; sampler.Instruments('x').counter('y').inc()"


def loaded_by(statement: str) -> tuple[set[str], float]:
    """Run a statement in a bare interpreter; return the modules it loads and its milliseconds.

    What ``os`` needs is the interpreter's, and differs by its version.
    """
    script = (
        "import sys, time; before = set(sys.modules); began = time.perf_counter()\n"
        f"{statement}\n"
        "print((time.perf_counter() - began) * 1e3, *set(sys.modules) - before)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    milliseconds, *modules = done.stdout.split()
    return set(modules) - WINGS - OF_OS, float(milliseconds)


@pytest.mark.parametrize("wing", sorted(WINGS))
def test_the_init_of_a_wing_is_empty(wing: str) -> None:
    """It costs next to nothing, so the budget does not count it."""
    assert not (ROOT / wing.replace(".", "/") / "__init__.py").read_text()


@pytest.mark.skipif(not CPYTHON, reason="its own library is another one")
@pytest.mark.parametrize(("statement", "limit"), [(IMPORT, 25), (REGISTER, 25), (COUNT, 32)])
def test_a_library_pays_next_to_nothing(statement: str, limit: int) -> None:
    """A bounded number of modules, and none of those that cost more than all the rest."""
    loaded_by(statement)  # bytecode
    modules, milliseconds = loaded_by(statement)
    print(f"{statement}: {len(modules)} modules, {milliseconds:.1f} ms")
    assert "sampler" in modules
    assert len(modules) <= limit
    assert not modules & FORBIDDEN


def test_every_public_name_resolves() -> None:
    """Names are loaded when they are first used; ``dir`` lists them all, others do not exist."""
    script = (
        "import sampler\n"
        "for name in dir(sampler): assert getattr(sampler, name) is getattr(sampler, name), name\n"
        "assert set(sampler.__all__) == set(dir(sampler))\n"
        "assert not hasattr(sampler, 'no_such_name')"
    )
    subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": str(ROOT)}, check=True, timeout=30
    )


def test_the_name_of_the_shapes_costs_nothing_until_it_is_imported() -> None:
    """``sampler.types`` is for annotation and not loaded by registering."""
    modules, _ = loaded_by(REGISTER)
    assert "sampler.types" not in modules
    assert "sampler._pull.collector" not in modules
