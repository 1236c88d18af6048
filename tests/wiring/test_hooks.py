"""What wiring does to an interpreter: hooks after imports, and a line where one does not hold."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from sampler.wiring import _patching, _serving, boot
from tests.support.command import environment

BOOT = Path(next(iter(boot.__path__)))


def ran(
    folder: Path, text: str, name: str = "gunicorn", relay: str = "@nonesuch"
) -> subprocess.CompletedProcess[str]:
    """Run a program as a part of a command whose relay is not there.

    A program of that name is taken for a server, so that no agent starts with it.
    """
    program = folder / "main" / name
    program.parent.mkdir()
    program.write_text(textwrap.dedent(text))
    return subprocess.run(
        [sys.executable, program],
        env=environment(SAMPLER_RELAY=relay, PYTHONPATH=f"{BOOT}:{folder}"),
        capture_output=True,
        text=True,
        timeout=60,
    )


def arbiter(folder: Path, text: str) -> Path:
    """Write a gunicorn that has nothing but an arbiter."""
    package = folder / "gunicorn"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "arbiter.py").write_text(text)
    return package


@pytest.mark.parametrize(("name", "relay"), [("gunicorn", "@nonesuch"), ("program", "")])
def test_nothing_of_ours_is_imported_before_it_is_needed(tmp_path, name, relay):
    """By a server that has not begun, and by a program that no relay waits for."""
    program = "import sys; print([m for m in sys.modules if m.partition('.')[0] == 'sampler'])"
    done = ran(tmp_path, program, name, relay)
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize("loader", ["SourceFileLoader", "zipimporter"])
def test_a_module_keeps_its_loader_and_its_source(tmp_path, loader):
    """What a hook waits for is imported as ever; a traceback still has its lines."""
    package = arbiter(tmp_path, "class Arbiter:\n    def run(self): ...\n")
    archive = tmp_path / "all.zip"
    with zipfile.ZipFile(archive, "w") as archived:
        for file in package.iterdir():
            archived.write(file, f"gunicorn/{file.name}")
    program = f"""
        import inspect, sys
        sys.path.insert(0, {str(archive if loader == "zipimporter" else tmp_path)!r})
        import gunicorn.arbiter as it
        print(type(it.__loader__).__name__, it.__spec__.loader is it.__loader__)
        print(inspect.getsource(it).splitlines()[0], it.Arbiter.run.__wrapped__.__name__)
    """
    done = ran(tmp_path, program)
    assert done.stdout == f"{loader} True\nclass Arbiter: run\n", done.stderr


def test_a_server_without_a_hook_point_costs_a_line(tmp_path):
    """It runs on, and the line names the remedy."""
    arbiter(tmp_path, "class Arbiter: ...\n")
    done = ran(tmp_path, "import gunicorn.arbiter; print('ran')")
    assert done.stdout == "ran\n"
    (line,) = done.stderr.splitlines()
    assert "has no gunicorn.arbiter.Arbiter.run" in line
    assert "start the agent there yourself (docs/for-operators.md)" in line


def test_a_module_that_is_not_there_is_not_there(tmp_path):
    """Its import raises what it raises without us, also the second time."""
    program = """
        for _ in range(2):
            try:
                import uvicorn.nonesuch, gunicorn.arbiter
            except ImportError as error:
                print(error.name)
    """
    assert ran(tmp_path, program).stdout == "uvicorn.nonesuch\n" * 2


def test_what_replaces_a_function_has_its_name():
    """And its documentation."""
    module = ModuleType("server")

    def serve(a: int) -> int:
        """Serve."""
        return a

    module.serve = serve
    _patching.replace(module, "serve", lambda original: lambda a: original(a) + 1, "nothing")
    assert module.serve(1) == 2
    assert (module.serve.__name__, module.serve.__doc__) == ("serve", "Serve.")


def test_an_agent_that_cannot_start_costs_a_line(monkeypatch, capfd):
    """Nothing is raised into the server."""

    def fails(*_: object, **__: object) -> None:
        raise OSError("no more threads\nhere")

    monkeypatch.setattr("sampler.agent.singleton.join", fails)
    _serving.begin("gunicorn")
    asyncio.run(_serving.abegin("uvicorn"))
    said = capfd.readouterr().err.splitlines()
    problem = r"OSError: no more threads\nhere"
    assert said == [
        f"sampler run: gunicorn, process {os.getpid()}: {problem}",
        f"sampler run: uvicorn, process {os.getpid()}: {problem}",
    ]


@pytest.mark.parametrize("command", ["run", "job"])
def test_a_line_begins_with_the_command_that_has_wired_the_program(monkeypatch, capfd, command):
    """As its other lines do."""
    monkeypatch.setenv("SAMPLER_WIRED_BY", command)
    _serving.complain("no more threads")
    assert capfd.readouterr().err == f"sampler {command}: no more threads\n"


def test_ctrl_c_is_not_contained(monkeypatch):
    """It is the program's."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sampler.agent.singleton.join", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _serving.begin("gunicorn")
