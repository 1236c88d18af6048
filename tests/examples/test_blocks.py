"""No block of Python, TOML or shell stands on a page that nothing checks.

Python runs: here, or in the test that RUN names. TOML is read as the agent reads it. Commands of
ours have arguments that the command takes; other commands are listed, with what they are.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from textwrap import dedent

import pytest

from sampler.agent.config.reading import parse
from sampler.cli.main import _parser
from sampler.exceptions import ConfigurationError
from tests.examples.pages import PAGES, ROOT, blocks
from tests.examples.test_walks import WALKED
from tests.examples.walk import FILE, commands
from tests.support.command import environment
from tests.support.unique import service
from tests.wiring.rig import need

RUN = {
    "README.md": "tests/examples/test_pages.py",
    "docs/bridges.md": "tests/bridges/test_page.py",
    "docs/consumers.md": "tests/examples/test_pages.py",
    "docs/recipes.md": "tests/pep/test_recipes.py",
    "docs/relay.md": "tests/relay/test_page.py",
    "docs/security.md": "tests/adapters/test_security_docs.py",
    "docs/servers.md": "tests/wiring/test_snippets.py",
}
"""Pages all of whose Python runs in a test of its own."""
DOORS = {"docs/for-library-authors.md", "docs/for-operators.md"}
"""Pages whose files are written and used by tests/examples/test_pages.py; the rest runs here, as
with those that are walked."""
BEFORE = {
    "docs/applications/fastapi.md": "from fastapi import FastAPI",
    "docs/contrib.md": """
        import sys, types
        pool = types.SimpleNamespace(instances=[])
        sys.modules |= {"yourpackage": types.SimpleNamespace(pool=pool), "yourpackage.pool": pool}
    """,
    "docs/for-operators.md": """
        import contextlib, prometheus_client, starlette.applications
        app = starlette.applications.Starlette()
    """,
    "docs/forks.md": "import multiprocessing, sampler",
    "docs/instruments.md": """
        import types, sampler
        def place(order): pass
        def send(): return types.SimpleNamespace(status="200")
        pool = sampler.Instruments("pool")
        wait_by_status = sampler.Instruments("web").histogram("wait", labels=("route", "status"))
        class opentelemetry:
            class trace:
                def get_current_span(): return types.SimpleNamespace(
                    get_span_context=lambda: types.SimpleNamespace(trace_id=1, is_valid=True))
    """,
    "docs/testing.md": """
        import types, sampler
        SAMPLER = {"name": "mypool", "sample": lambda: [("size", 1)]}
        mypool = types.SimpleNamespace(SAMPLER=SAMPLER)
    """,
}
"""What the prose of a page presupposes."""
NEEDED_HERE = {"docs/applications/fastapi.md": "fastapi", "docs/for-operators.md": "starlette"}
"""Packages of the group of servers that a page's blocks import."""
UNRUN = {
    "docs/web.md": ("# shop.py", "by tests/examples/test_fastapi.py"),
    "docs/adapters.md": ("# ", "as files, by the test of its suite below"),
}
"""Blocks of other pages that run elsewhere: how they begin, and where."""
OTHERS = {
    "docs/security.md": {"openssl", "(umask", "uvicorn"},  # run by test_security_docs.py
    "docs/relay.md": {"python"},  # run by tests/relay/test_page.py
    "docs/consumers.md": {"python"},  # run by test_pages.py
    "docs/reading-the-pep.md": {"docutils"},  # a step of .ci/run
    "pep/README.md": {"docutils"},
    "docs/project.md": {"sphinx-build"},  # a step of .ci/run
    "README.md": {"pytest"},
    "docs/deploy.md": {"sed"},  # run by tests/deploy/test_rules.py
    "examples/app/README.md": {"cd", "gunicorn"},  # run by test_app.py
    "examples/bridges/README.md": {"cd", "python", "./nightly.sh"},  # run by test_bridges.py
}
"""Commands that are not ours, by page: each is run somewhere, or is a step of .ci/run."""
INSTALLING = {"pip", "curl"}
"""Commands that install, or ask: the walks check what is installed, and ask."""
FAULTLESS = re.compile(
    r"adapters\.json|.*(?:cannot be read|No such file|is not installed|not readable)"
)
"""What a configuration may say of files, and adapters of examples, that are not here."""


def named(page) -> str:
    return page.relative_to(ROOT).as_posix()


def of(language: str) -> list[object]:
    """Return pages with blocks of a language, as parameters."""
    return [
        pytest.param(page, id=named(page))
        for page in PAGES
        if any(each == language for each, _ in blocks(page))
    ]


def fragments(page) -> list[str]:
    """Return the blocks of Python that no other test runs."""
    name = named(page)
    begin, _ = UNRUN.get(name, ("", ""))
    found = [text for language, text in blocks(page) if language == "python"]
    if name in DOORS | WALKED:
        return [text for text in found if not FILE.match(text)]
    return [text for text in found if not begin or not text.startswith(begin)]


@pytest.mark.parametrize("page", of("python"))
def test_python_runs(page, tmp_path, request):
    """Each block, in the order of the page, in one program; or in the test that is named."""
    name = named(page)
    if name in RUN:
        assert page.stem in (ROOT / RUN[name]).read_text("utf-8")
        return
    if not fragments(page):
        return
    if name in NEEDED_HERE:
        need(request, NEEDED_HERE[name])
    before = dedent(BEFORE.get(name, ""))
    mark = service(tmp_path)
    text = f'service = "{mark}"\n[adapters.prometheus]\nlisten = "127.0.0.1:0"\n'
    if "push(" in "".join(fragments(page)):
        text = f'service = "{mark}"\n[adapters.textfile]\npath = "{tmp_path}/numbers.prom"\n'
    (tmp_path / "sampler.toml").write_text(text)
    (tmp_path / "page.py").write_text("\n".join([before, *fragments(page)]))
    done = subprocess.run(
        [sys.executable, "page.py"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    assert done.returncode == 0


def test_the_adapter_of_its_page_passes_its_suite(tmp_path):
    """Its three files, as docs/adapters.md has them."""
    for language, text in blocks(ROOT / "docs/adapters.md"):
        if language == "python":
            (tmp_path / FILE.match(text)[1]).write_text(text)
    done = subprocess.run(
        [*(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"), "test_jsonpost.py"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"^\d+ passed", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("page", of("toml"))
def test_toml_is_read(page):
    """A configuration has no unknown key; a project's file has entry points."""
    for language, text in blocks(page):
        if language != "toml":
            continue
        table = tomllib.loads(text)
        if "project" in table or "build-system" in table:
            for points in table["project"].get("entry-points", {}).values():
                assert all(re.fullmatch(r"[\w.]+:\w+", point) for point in points.values())
            continue
        try:
            parse(table, named(page))
        except ConfigurationError as error:
            unknown = [each for each in error.problems if not FAULTLESS.match(each)]
            assert unknown == [], text


@pytest.mark.parametrize("page", of("console"))
def test_commands_exist(page):
    """And take their arguments."""
    for language, text in blocks(page):
        if language == "console":
            for command in commands(text):
                check(named(page), shlex.split(command.line, comments=True))


def check(page: str, words: list[str]) -> None:
    """Check the words of a command."""
    while words and re.match(r"[A-Z_]+=", words[0]):
        del words[0]
    if words[:2] == ["uv", "run"]:
        words = words[4:] if words[2] == "--group" else words[2:]
    if words[0] == "sampler":
        ends = [words.index(each) for each in ("--", "|", ">", "&") if each in words]
        found = words[1 : min(ends, default=len(words))]
        try:
            _parser().parse_args(found)
        except SystemExit as end_:
            assert end_.code == 0, words
    elif words[:2] == ["python", "-m"]:
        assert find_spec(words[2]) is not None
    elif words[0].startswith((".ci/", "tests/", "examples/")):
        assert (ROOT / words[0]).exists()
    elif page not in WALKED and words[0] not in INSTALLING:
        assert words[0] in OTHERS.get(page, ()), words


def test_what_is_left_out_is_there():
    """No exception outlives its page or its block."""
    names = {named(page) for page in PAGES}
    assert set(RUN) | DOORS | set(BEFORE) | set(UNRUN) | set(OTHERS) <= names
    for name, (begin, _) in UNRUN.items():
        assert any(text.startswith(begin) for _, text in blocks(ROOT / name))
    for name, words in OTHERS.items():
        text = (ROOT / name).read_text("utf-8")
        assert all(re.search(rf"^\$ .*{re.escape(word)}", text, re.MULTILINE) for word in words)
