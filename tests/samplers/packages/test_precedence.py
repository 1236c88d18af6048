"""A package that publishes its own sampler takes the place of ours: nothing is counted twice."""

from __future__ import annotations

import json
import subprocess
import sys
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from tests.samplers.programs import PRELUDE, run
from tests.samplers.servers.daemons import ROOT
from tests.support.distributions import Site
from tests.support.installed import NotInstallableError, install
from tests.wiring.rig import need

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.server
OWN = """
from urllib3.connectionpool import HTTPConnectionPool
def sample():
    yield "pools", 1
SAMPLER = {"name": "%s", "sample": sample}
"""
PROGRAM = """
    import logging
    import urllib3
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with Collector() as consumer:
        told = sorted(name.partition("{")[0] for name in read(consumer))
    from sampler._runtime.log import log
    log.flush()
    print(json.dumps([told, "sampler.contrib.urllib3" in sys.modules]))
"""


def _publishing(folder: Path, name: str, package: str = "urllib3") -> str:
    """Announce a sampler in a module of urllib3, as a later release may; return the path.

    The module is found by a finder, as urllib3's own folder belongs to all tests.
    """
    site = Site(folder)
    site.install(
        "urllib3-next",
        {name: f"{package}.zz_metrics:SAMPLER"},
        files={"zz_own.py": OWN % name},
    )
    (folder / "sitecustomize.py").write_text(
        "import sys, importlib.util\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == '{package}.zz_metrics':\n"
        "            return importlib.util.spec_from_file_location(\n"
        f"                name, {str(folder / 'zz_own.py')!r})\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    return f"{folder}:{ROOT}"


def test_ours_is_there_without_it(request: pytest.FixtureRequest) -> None:
    """So that the tests below show something."""
    need(request, "urllib3")
    told, loaded = run(PROGRAM)
    assert "urllib3.open_connections" in told
    assert loaded


@pytest.mark.parametrize("name", ["urllib3", "urllib3.pools"])
def test_a_package_that_publishes_its_own_takes_precedence(
    request: pytest.FixtureRequest, tmp_path: Path, name: str
) -> None:
    """By our name or by another one; ours is not even imported, and nothing is patched."""
    need(request, "urllib3")
    told, loaded = run(PROGRAM, PYTHONPATH=_publishing(tmp_path, name))
    assert told == [f"{name}.pools"]
    assert not loaded


def test_it_does_where_ours_comes_first_on_the_path(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """No order of folders makes ours count beside it."""
    need(request, "urllib3")
    path = ":".join(reversed(_publishing(tmp_path, "urllib3").split(":")))
    last = f"sys.path.append(sys.path.pop(sys.path.index({str(tmp_path)!r})))"
    told, loaded = run(f"\n    {last}" + PROGRAM, PYTHONPATH=path)
    assert told == ["urllib3.pools"]
    assert not loaded


def test_a_name_that_the_program_has_registered_stays_its_own(
    request: pytest.FixtureRequest,
) -> None:
    """As where a package registers itself when it is imported."""
    need(request, "urllib3")
    told, loaded = run(
        """
    sampler.register({"name": "urllib3", "sample": lambda: [("mine", 1)]})
"""
        + PROGRAM
    )
    assert told == ["urllib3.mine"]
    assert not loaded


def test_it_is_said_and_listed(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Also where the operator names ours."""
    need(request, "urllib3")
    path = _publishing(tmp_path, "urllib3.pools")
    (tmp_path / "sampler.toml").write_text('interval = 0.5\n[samplers]\nenable = ["urllib3"]\n')

    def command(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "sampler", *words],
            env={"PYTHONPATH": path},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return " ".join((done.stdout + done.stderr).split())

    assert "unavailable: urllib3 publishes its own: urllib3.pools" in command("list", "samplers")
    said = command("run", "--test")
    assert "sampler 'urllib3' is left out: urllib3 publishes its own, 'urllib3.pools'" in said
    assert "registered by the program itself" not in said


def test_a_release_with_its_own_sampler_installed_beside_us_counts_alone(
    pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    """From wheels in a new environment, as pip puts them there: in the folder of urllib3."""
    release = tmp_path / "release"
    (release / "urllib3").mkdir(parents=True)
    (release / "urllib3" / "zz_metrics.py").write_text(OWN % "urllib3")
    (release / "pyproject.toml").write_text("""
        [build-system]
        requires = ["hatchling"]
        build-backend = "hatchling.build"
        [project]
        name = "urllib3-zz-metrics"
        version = "1.0"
        dependencies = ["urllib3"]
        [project.entry-points."sampler.samplers"]
        urllib3 = "urllib3.zz_metrics:SAMPLER"
        [tool.hatch.build.targets.wheel]
        only-include = ["urllib3"]
    """)
    try:
        python = install(tmp_path / "venv", ".", str(release))
    except NotInstallableError as reason:
        if pytestconfig.getoption("--require-servers"):
            pytest.fail(str(reason), pytrace=False)
        pytest.skip(str(reason))
    done = subprocess.run(
        [python, "-I", "-c", PRELUDE + dedent(PROGRAM)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [["urllib3.pools"], False]
    assert "sampler 'urllib3' is left out" in done.stderr
