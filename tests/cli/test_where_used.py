"""A configuration is checked where it is used: the working directory, names, rules, plurals."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import environment, sampler

SCRIPT = Path(sys.executable).with_name("sampler")
APP = """
import sampler
web = sampler.Instruments("web")
web.counter("hits").inc()
web.counter("debug.calls").inc()
other = sampler.Instruments("other")
other.gauge("depth").set(1)
"""


def script(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the installed script, whose path does not begin with the working directory."""
    return subprocess.run(
        [str(SCRIPT), *arguments],
        cwd=folder,
        env=environment(**env),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def project(tmp_path) -> Path:
    """A folder with a program, and a configuration of it."""
    (tmp_path / "app.py").write_text(APP)
    write(tmp_path, "interval = 0.1\n[samplers]\nenable = ['app:web']\n[adapters.console]\n")
    return tmp_path


def write(folder: Path, text: str) -> None:
    """Write the configuration."""
    (folder / "sampler.toml").write_text(text)


@pytest.mark.parametrize("verb", [["check"], ["run", "--test"], ["run", "--once"]])
def test_the_working_directory_is_on_the_path(project, verb) -> None:
    """As for gunicorn and uvicorn: a reference to the program's module is found."""
    done = script(project, *verb)
    assert done.returncode == 0, done.stderr
    assert "web" in done.stdout


def test_list_finds_what_lies_in_the_working_directory(tmp_path) -> None:
    """A distribution that is only there."""
    (tmp_path / "mine.py").write_text("SAMPLER = {'name': 'mine', 'sample': list}\n")
    info = tmp_path / "mine-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[sampler.samplers]\nmine = mine:SAMPLER\n")
    assert re.search(r"mine +mine 1", script(tmp_path, "list", "samplers").stdout)


def test_a_safe_path_stays_safe(project) -> None:
    """Who asks Python for that does not want it."""
    done = script(project, "check", PYTHONSAFEPATH="1")
    assert (done.returncode, "no module 'app'" in done.stderr) == (78, True)


def test_a_file_of_the_package_s_name_shadows_nothing(project) -> None:
    """Nor does one of a module that the command has imported."""
    (project / "sampler.py").write_text("raise SystemExit('the wrong one')\n")
    assert script(project, "check").returncode == 0


def test_a_working_directory_that_has_gone_is_no_traceback(project) -> None:
    """The file is named by its whole path."""
    gone = project / "gone"
    gone.mkdir()
    code = "import os, sys; os.rmdir(os.getcwd()); os.execv(sys.argv[1], sys.argv[1:])"
    file = project / "sampler.toml"
    file.write_text("[adapters.console]\n")
    done = subprocess.run(
        [sys.executable, "-c", code, str(SCRIPT), "check", "-c", str(file)],
        cwd=gone,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr


def test_a_name_that_only_the_program_registers_is_a_note(project) -> None:
    """With a suggestion where one is near; what cannot be imported stays a problem."""
    write(project, "[samplers]\nenable = ['web', 'proces']\n[adapters.console]\n")
    done = script(project, "check")
    assert done.returncode == 0, done.stderr
    said = "no installed package announces them; they must be registered by the program itself"
    assert f"samplers.enable: 'web', 'proces' (did you mean 'process'?): {said}\n" in done.stderr
    write(project, "[samplers]\nenable = ['app:absent']\n")
    assert script(project, "check").returncode == 78


def test_a_name_that_the_middleware_registers_is_not_missed(project) -> None:
    """It is there once the application runs; one line says what that means of other names."""
    write(project, "[samplers]\nenable = ['http.server', 'web']\n[adapters.console]\n")
    done = script(project, "check")
    said = "no installed package announces it; it must be registered by the program itself"
    assert f"samplers.enable: 'web': {said}\n" in done.stderr
    assert "http.server" not in done.stderr


def test_check_says_what_does_nothing_and_what_is_left_out(project) -> None:
    """Patterns without a match, samplers that are not enabled, metrics that are dropped."""
    write(
        project,
        "[samplers]\nenable = ['app:web', 'zz*']\ndrop = ['web.debug.*', 'web.nothing']\n"
        "rename = { 'web.absent' = 'x.y' }\n[adapters.console]\n",
    )
    done = script(project, "check")
    assert done.returncode == 0, done.stderr
    assert "'zz*' matches no sampler that is here" in done.stderr
    assert "'web.nothing' matches no metric that is here" in done.stderr
    assert "'web.absent' matches no metric that is here" in done.stderr
    assert "not collected, as samplers.enable does not name them: 'other'" in done.stderr
    assert "sampler 'web': 1 entry\n" in done.stdout
    assert "sampler 'web': 1 entry left out" in done.stdout


@pytest.mark.parametrize("verb", [["check"], ["run", "--test"]])
def test_a_new_name_that_is_taken_exits_78(project, verb) -> None:
    """Before anything is sent."""
    write(
        project,
        "[samplers]\nenable = ['app:web', 'app:other']\n"
        "rename = { 'web.hits' = 'other.depth' }\n[adapters.console]\n",
    )
    done = script(project, *verb)
    assert (done.returncode, "Traceback" in done.stderr) == (78, False)
    assert "'web.hits' would be called 'other.depth'" in done.stderr


def test_check_finds_a_taken_name_that_nobody_has_declared(project) -> None:
    """By a pull."""
    (project / "loose.py").write_text(
        "A = {'name': 'a', 'sample': lambda: [('x', 1)]}\n"
        "B = {'name': 'b', 'sample': lambda: [('y', 1)]}\n"
    )
    write(
        project,
        "[samplers]\nenable = ['loose:A', 'loose:B']\nrename = { 'a.x' = 'b.y' }\n"
        "[adapters.console]\n",
    )
    done = script(project, "check")
    assert done.returncode == 78
    assert "samplers.rename: 'a.x' and 'b.y' would both be called 'b.y'" in done.stderr
    assert "fine" not in done.stdout


def test_the_users_numbers_come_first(project) -> None:
    """``--test`` prints them alone, and says how the account is shown; ``-v`` shows it."""
    done = script(project, "run", "--test")
    assert done.returncode == 0, done.stderr
    assert "sampler." not in done.stdout
    assert re.search(r"and \d+ entries of the agent's own account: -v shows", done.stderr)
    whole = script(project, "run", "--test", "-v")
    assert whole.stdout.index("web.hits") < whole.stdout.index("sampler.pulls{")


def test_the_console_shows_the_account_on_demand(project) -> None:
    """By ``self_metrics``."""
    once = script(project, "run", "--once")
    assert "web.hits" in once.stdout
    assert "sampler.threads" not in once.stdout
    text = (project / "sampler.toml").read_text()
    write(project, f"{text}self_metrics = 'all'\n")
    assert "sampler.threads" in script(project, "run", "--once").stdout


@pytest.mark.parametrize("word", ["--version", "version"])
def test_the_version_has_the_commit_where_it_is_known(word) -> None:
    """Here it is that of the working copy, which the tests run from."""
    done = sampler(word)
    assert done.returncode == 0
    assert re.fullmatch(r"sampler-api \d+\.\d+\.\d+( \(commit [0-9a-f]{12}\))?\n", done.stdout)


@pytest.mark.parametrize(
    ("head", "files", "commit"),
    [
        ("a" * 40, {}, "a" * 40),
        ("ref: refs/heads/main", {"refs/heads/main": "b" * 40}, "b" * 40),
        ("ref: refs/heads/x", {"packed-refs": f"# pack\n{'c' * 40} refs/heads/x\n"}, "c" * 40),
        ("ref: refs/heads/x", {"packed-refs": f"{'c' * 40} refs/heads/xx\n"}, ""),
        ("ref: refs/heads/none", {}, ""),
        ("nonsense", {}, ""),
    ],
)
def test_a_commit_is_read_as_git_writes_it(tmp_path, head, files, commit) -> None:
    """Without the program git; what cannot be read is not known."""
    import json

    from sampler.cli.version import _commit

    git = tmp_path / ".git"
    for name, text in {"HEAD": head, **files}.items():
        (git / name).parent.mkdir(parents=True, exist_ok=True)
        (git / name).write_text(f"{text}\n")
    editable = {"url": tmp_path.as_uri(), "dir_info": {"editable": True}}
    assert _commit(json.dumps(editable)) == commit
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / ".git").write_text(f"gitdir: {git}\n")
    assert _commit(json.dumps({**editable, "url": linked.as_uri()})) == commit


@pytest.mark.parametrize(
    ("said", "commit"),
    [
        (None, ""),
        ("{", ""),
        ("[]", ""),
        ('{"url": "x", "vcs_info": {"vcs": "git", "commit_id": "' + "d" * 40 + '"}}', "d" * 40),
        ('{"url": "file:///x", "dir_info": {}}', ""),
        ('{"dir_info": {"editable": true}}', ""),
    ],
)
def test_a_commit_is_read_as_installers_write_it(said, commit) -> None:
    """PEP 610; whatever else is there is not known."""
    from sampler.cli.version import _commit

    assert _commit(said) == commit


def explained(word: str) -> str:
    """Return what is said of a word."""
    done = sampler("explain", word)
    assert (done.returncode, done.stderr) == (0, "")
    return " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("word", "start"),
    [
        ("graphite.port", "adapters.graphite.port: an integer"),
        ("pushgateway.bearer", "adapters.pushgateway.bearer: a string"),
        ("labels", "labels: a table of strings"),
        ("labels.env", "labels: a table of strings"),
        ("samplers.drop", "samplers.drop: a list of strings"),
        ("self_metrics", "adapters.NAME.self_metrics: a string"),
        ("filtered", "reason filtered, of sampler.samples.refused"),
        ("unconfirmed", "outcome unconfirmed: "),
        ("delivered", "outcome delivered: "),
        ("SAMPLER_DISABLE", "$SAMPLER_DISABLE, of the environment: "),
        ("$https_proxy", "$https_proxy, of the environment: "),
        ("78", "exit status 78: the configuration has problems"),
        ("0", "exit status 0: success"),
    ],
)
def test_every_kind_of_word_is_explained(word, start) -> None:
    """A key with its adapter, an outcome, a variable, an exit status."""
    assert explained(word).startswith(start)


def test_every_outcome_variable_and_status_of_the_code_is_explained() -> None:
    """Those of a balance, those that the files read, those that the command returns."""
    import attrs

    from sampler.agent import Balance
    from sampler.cli import exits
    from sampler.cli.glossary import OUTCOMES, STATUSES, VARIABLES
    from sampler.cli.interrupts import INTERRUPTED

    assert {field.name for field in attrs.fields(Balance)} <= OUTCOMES.keys()
    numbers = {value for name, value in vars(exits).items() if name.isupper()}
    assert numbers | {INTERRUPTED} == STATUSES.keys()
    package = Path(exits.__file__).parents[1]
    found = {
        name
        for file in package.rglob("*.py")
        for name in re.findall(r'"(SAMPLER_[A-Z]+)"', file.read_text("utf-8"))
    }
    assert found <= VARIABLES.keys()


def test_one_is_no_plural(project) -> None:
    """Of entries, breaches and metrics."""
    (project / "bad.py").write_text("S = {'name': 'bad', 'sample': lambda: [('Bad', 1)]}\n")
    done = script(project, "validate", "bad:S", "--seconds", "1")
    assert "1 breach of 1 clause\n" in done.stdout
    write(project, "[samplers]\nenable = ['app:other']\n[adapters.console]\n")
    once = script(project, "run", "--once")
    assert re.search(r"^---.*  1 entry$", once.stdout, re.MULTILINE)
