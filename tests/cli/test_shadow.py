"""A file ``sampler.py`` of the user's hides the package: the command is immune, and says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import environment

OWN = "NUMBER = 7\nprint('the own module')\n"


@pytest.fixture
def folder(tmp_path):
    """A folder with such a file, and a program that imports it."""
    (tmp_path / "sampler.py").write_text(OWN)
    (tmp_path / "app.py").write_text("import sampler\nprint(sampler.NUMBER)\n")
    (tmp_path / "sampler.toml").write_text("flush_timeout = 20\n")
    return tmp_path


def command(folder, *arguments):
    """Run the installed command."""
    program = Path(sys.executable).with_name("sampler")
    return subprocess.run(
        [program, *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


@pytest.mark.parametrize(
    "arguments",
    [("version",), ("list",), ("config", "sample"), ("explain", "graphite"), ("run", "--once")],
)
def test_the_command_is_immune(folder, arguments):
    """It takes nothing from the folder it is called in."""
    done = command(folder, *arguments)
    assert done.returncode == 0, done.stderr
    assert "the own module" not in done.stdout


def test_check_says_it(folder):
    """With what to do; a folder without such a file gets no word."""
    said = "sampler.py in this folder hides the package"
    done = command(folder, "check")
    assert done.returncode == 0
    assert said in done.stderr
    (folder / "sampler.py").unlink()
    assert said not in command(folder, "check").stderr


@pytest.mark.parametrize("body", ["", "import sys\nsys.exit('a script')\n"])
def test_check_says_which_file_hides_a_package_of_an_adapter(folder, body):
    """Whether it is a program, or merely lacks what is looked for there."""
    pytest.importorskip("statsd")
    (folder / "statsd.py").write_text(body)
    (folder / "sampler.toml").write_text("[adapters.statsd]\n")
    done = command(folder, "check", "--no-network")
    assert done.returncode == 78
    said = f"{folder / 'statsd.py'} hides the package statsd: rename it ("
    assert f"adapters.statsd: adapter 'statsd' cannot be imported: {said}" in done.stderr


def test_check_says_which_package_of_ours_is_hidden_though_nothing_needs_it_here(folder):
    """A file of another name, and a folder without modules, hide nothing."""
    pytest.importorskip("prometheus_client")
    (folder / "rich").mkdir()
    (folder / "shop.py").touch()
    (folder / "prometheus_client").mkdir()
    (folder / "prometheus_client" / "__init__.py").touch()
    done = command(folder, "check", "--no-network")
    said = f"{folder / 'prometheus_client'} hides the package prometheus_client: rename it\n"
    assert done.stderr.count("hides the package") == 2
    assert said in done.stderr


def test_an_application_that_starts_the_agent_is_told_which_file_hides_a_package(folder):
    """In the error that names the adapter."""
    pytest.importorskip("statsd")
    (folder / "sampler.py").unlink()
    (folder / "statsd.py").touch()
    (folder / "app.py").write_text(
        "import sampler.agent\nsampler.agent.start({'adapters': {'statsd': {}}})\n"
    )
    done = subprocess.run(
        [sys.executable, "app.py"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert f"{folder / 'statsd.py'} hides the package statsd: rename it" in done.stderr


@pytest.mark.parametrize("verb", ["run", "job"])
@pytest.mark.parametrize("program", [("app.py",), ("-m", "app"), ("-c", "import app")])
def test_a_program_with_a_module_of_that_name_keeps_it(folder, verb, program):
    """It runs without an agent, and one line says why."""
    done = command(folder, verb, "-qq", "--", sys.executable, *program)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "the own module\n7\n"
    file = str(folder / "sampler.py") if program[0] != "app.py" else "sampler.py"
    assert done.stderr == (
        f"sampler {verb}: {file} hides the package sampler: rename it, or there is no agent\n"
    )


def test_a_file_beside_which_nothing_runs_hides_nothing(folder, tmp_path_factory):
    """The program's folder counts, not the one it is called in."""
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "app.py"
    elsewhere.write_text("import sampler\nprint(sampler.agent.flush().complete)\n")
    done = command(folder, "run", "-qq", "--", sys.executable, str(elsewhere))
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")
