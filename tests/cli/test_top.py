"""``sampler top`` in real terminals, and in a pipe."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from sampler.cli.top.figures import cells
from tests.page.rig import agent_with
from tests.support.command import environment, sampler
from tests.support.doubles import LineSink
from tests.support.ports import free_port
from tests.support.tmux import terminal
from tests.support.waiting import wait_for
from tests.wiring.rig import need

TOP = [sys.executable, "-m", "sampler", "top"]


def shop() -> dict:
    """Return a sampler with many series, of long and hostile names."""
    count = 0

    def sample():
        nonlocal count
        count += 5
        for n in range(40):
            route = f"/api/v1/shops/of/the/whole/world/{n}/orders"
            yield "orders", count * n, {"route": route, "host": "the.same.host.everywhere"}
        yield "depth", 7
        yield "evil", 1, {"path": "\x1b[31mred\u202e\u0627\u0644 \u4e2d\u6587" + "x" * 900}
        yield "wait", {"count": count, "sum": 1.0, "buckets": {0.1: count, 1.0: count}}

    return {
        "name": "shop",
        "sample": sample,
        "metrics": {
            "orders": {"kind": "counter", "unit": "{order}"},
            "wait": {"kind": "histogram", "unit": "s"},
        },
    }


@pytest.fixture(scope="module")
def path():
    """The socket of an agent that runs for all tests here."""
    with tempfile.TemporaryDirectory() as folder, LineSink() as sink:
        name = f"{folder}/s.sock"
        adapters = {
            "graphite": {"port": sink.port},
            "away": {"type": "graphite", "port": free_port()},
        }
        failing = {"name": "failing", "sample": lambda: 1 / 0}
        enable = ["shop", "failing", "process"]  # not what other tests have imported
        more = {"socket": name, "service": "shop", "adapters": adapters}
        more["samplers"] = {"enable": enable}
        with agent_with(shop(), failing, **more):
            yield name


@pytest.fixture
def _tmux(request):
    need(request, "tmux")


@contextmanager
def top(path, columns=80, lines=24, **env):
    """Run it in a terminal of tmux."""
    kept = {k: os.environ[k] for k in ("PATH", "HOME", "PYTHONPATH") if k in os.environ}
    wanted = {**kept, "TERM": "screen-256color", "LC_ALL": "C.UTF-8", **env}
    with tempfile.TemporaryDirectory() as folder:
        command = [*TOP, "--socket", path]
        with terminal(Path(folder), command, wanted, columns, lines) as made:
            yield made


@pytest.mark.server
@pytest.mark.usefixtures("_tmux")
@pytest.mark.parametrize(("columns", "lines"), [(60, 15), (80, 24), (120, 40), (200, 60)])
def test_it_fits_any_size(path, columns, lines) -> None:
    """Each line ends within the terminal, and the most important sections are there."""
    with top(path, columns, lines) as screen:
        screen.shows("SERIES")
        shown = screen.shows("shop.depth") if lines > 50 else screen.shows("shop.")
        assert len(shown) <= lines
        assert all(cells(line) < columns for line in shown)
        text = "\n".join(shown)
        for word in ("sampler top: shop", "TROUBLE  2", "ADAPTERS  3", "SAMPLERS", "quit"):
            assert word in text, text
        assert text.count("/orders") >= 3  # what tells them apart is not cut away
        screen.press("q")
        assert screen.ended() == 0


@pytest.mark.server
@pytest.mark.usefixtures("_tmux")
def test_it_follows_another_size(path) -> None:
    """Sections close by themselves where there is too little room."""
    with top(path, 120, 40) as screen:
        screen.shows("collected")
        screen.resize(60, 15)
        shown = screen.shows("ADAPTERS  3, 1 failing +")
        assert len(shown) <= 15
        screen.resize(120, 40)
        screen.shows("collected")


@pytest.mark.server
@pytest.mark.usefixtures("_tmux")
def test_it_searches_by_name_and_label(path) -> None:
    """All words; Enter keeps the search, Escape ends it."""
    with top(path) as screen:
        screen.shows("SERIES")
        screen.press("/", "shop", "Space", "world/17/")
        shown = screen.shows("SERIES  1 of")
        assert any("17/orders" in line for line in shown)
        screen.press("BSpace", "BSpace", "BSpace", "Enter")
        screen.shows("SERIES  40 of")
        screen.shows("q quit")
        screen.press("Escape")
        screen.shows("shop.depth")


@pytest.mark.server
@pytest.mark.usefixtures("_tmux")
def test_arrows_move_and_letters_open_and_close(path) -> None:
    """The end of the series is a key away."""
    with top(path, 100, 50) as screen:
        screen.shows("failing ")
        screen.press("s")
        shown = screen.shows("SAMPLERS  4, 1 paused +")
        assert not any("last failure" in line for line in shown)
        screen.press("End")
        screen.shows("sampler.tick")
        screen.press("Home", "Down", "Down")
        screen.shows("shop.depth")
        screen.press("s")
        screen.shows("last failure")


@pytest.mark.server
@pytest.mark.usefixtures("_tmux")
def test_trouble_comes_first_with_its_remedy(path) -> None:
    """Before anything else."""
    with top(path) as screen:
        shown = screen.shows("refused")
        assert shown[1].startswith("TROUBLE  2")
        assert "adapter away" in shown[2]
        assert "tried again" in shown[3]


@pytest.mark.server
@pytest.mark.usefixtures("_tmux")
def test_hostile_names_are_texts(path) -> None:
    """No control character, nothing that runs from right to left, and the layout stands."""
    with top(path, 100, 50) as screen:
        screen.shows("SERIES")
        screen.press("/", "evil")
        shown = screen.shows("SERIES  1 of")
        (line,) = (line for line in shown if line.startswith("shop.evil"))
        assert "\u202e" not in line
        assert "\u0627" not in line
        assert cells(line) < 100
        assert line.rstrip().endswith("1")


@pytest.mark.server
@pytest.mark.usefixtures("_tmux")
def test_without_colours_there_are_none(path) -> None:
    """As NO_COLOR asks; trouble is told by inversion."""
    with top(path, NO_COLOR="1") as screen:
        screen.shows("TROUBLE")
        assert not re.search(r"\x1b\[[0-9;]*\b[34][0-7]\b", screen.styled())
        assert re.search(r"\x1b\[[0-9;]*\b7m", screen.styled())
    with top(path) as screen:
        screen.shows("TROUBLE")
        assert re.search(r"\x1b\[[0-9;]*\b31m", screen.styled())


@pytest.mark.server
@pytest.mark.usefixtures("_tmux")
@pytest.mark.parametrize("locale", [{"LC_ALL": "C"}, {"LC_ALL": "", "LANG": "C"}])
def test_where_there_is_ascii_only_it_is_ascii(path, locale) -> None:
    """Bars, too."""
    with top(path, 100, 50, **locale) as screen:
        shown = screen.shows("shop.evil")
        assert "\n".join(shown).isascii()
        assert any("shop.orders" in line and line[-30:].strip() for line in shown)


@pytest.mark.server
@pytest.mark.usefixtures("_tmux")
def test_a_dumb_terminal_gets_a_table(path) -> None:
    """Once: it cannot place its cursor."""
    with top(path, TERM="dumb") as screen:
        assert screen.ended() == 0


@pytest.mark.server
@pytest.mark.usefixtures("_tmux")
@pytest.mark.parametrize("key", ["C-c", "q"])
def test_it_leaves_the_terminal_as_it_was(path, key) -> None:
    """And ends with 0."""
    with top(path) as screen:
        screen.shows("SERIES")
        screen.press(key)
        assert screen.ended() == 0
        assert not any("SERIES" in line for line in screen.lines())


@pytest.mark.server
@pytest.mark.usefixtures("_tmux")
def test_it_waits_for_an_agent_that_restarts() -> None:
    """What it had stays, and the first line says why it is old."""
    with tempfile.TemporaryDirectory() as folder:
        name = f"{folder}/s.sock"
        with agent_with(shop(), socket=name, service="one"):
            made = top(name)
            screen = made.__enter__()
            try:
                screen.shows("sampler top: one")
            except BaseException:
                made.__exit__(None, None, None)
                raise
        try:
            screen.shows("nobody listens")
            with agent_with(shop(), socket=name, service="two"):
                screen.shows("sampler top: two")
        finally:
            made.__exit__(None, None, None)


def test_in_a_pipe_it_is_one_plain_table(path) -> None:
    """Without any control character."""
    done = sampler("top", "--socket", path, NO_COLOR="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.replace("\n", "").isprintable()
    for word in ("TROUBLE  2", "ADAPTERS  3", "SAMPLERS", "PROCESSES  1", "shop.orders"):
        assert word in done.stdout
    series = [line for line in done.stdout.splitlines() if line.startswith("shop.")]
    assert len(series) == 43
    assert max(map(cells, series)) <= 100


def test_without_a_known_limit_a_web_application_has_so_many_requests_at_once() -> None:
    """As on the live page."""
    served = {
        "name": "http.server",
        "sample": lambda: [("busy.time", time.monotonic() * 3)],
        "metrics": {"busy.time": {"kind": "counter", "unit": "s"}},
    }
    with tempfile.TemporaryDirectory() as folder:
        name = f"{folder}/s.sock"
        with agent_with(served, socket=name):

            def shown() -> bool:
                done = sampler("top", "--socket", name, NO_COLOR="1")
                return re.search(r"busy \d[.\d]* at once", done.stdout) is not None

            wait_for(shown, what="a second pull")


def test_a_closed_pipe_is_no_error(path) -> None:
    """As of head."""
    process = subprocess.Popen(
        [*TOP, "--socket", path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        text=True,
    )
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(30) == 0
    assert process.stderr.read() == ""
    process.stderr.close()


@pytest.mark.parametrize("command", [["top"], ["tap", "*"]])
def test_without_a_socket_it_names_the_key(tmp_path, command) -> None:
    """And shows the line to add."""
    done = sampler(*command, cwd=tmp_path)
    assert done.returncode == 78
    assert "there is no ./sampler.toml" in done.stderr
    (tmp_path / "sampler.toml").write_text("interval = 1\n")
    done = sampler(*command, cwd=tmp_path)
    assert done.returncode == 78
    assert "sampler.toml has no key socket" in done.stderr
    (line,) = (each for each in done.stderr.splitlines() if "socket = " in each)
    assert line.strip().startswith('socket = "/')
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("socket = 7\n", "expected a string"),
        ("socket = '/nowhere/s.sock'\n", "nobody listens at /nowhere/s.sock"),
        ("socket = '${NOT_SET_AT_ALL}'\n", "NOT_SET_AT_ALL"),
        ("socket = \n", "sampler.toml: "),
    ],
)
def test_what_is_wrong_is_said_in_a_line(tmp_path, toml, says) -> None:
    """With the file, and without a traceback."""
    (tmp_path / "sampler.toml").write_text(toml)
    done = sampler("top", cwd=tmp_path)
    assert done.returncode in (69, 78)
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_variable_may_name_the_socket(path, tmp_path) -> None:
    """As in every key."""
    (tmp_path / "sampler.toml").write_text('socket = "${SOCKET}"\n')
    done = sampler("top", cwd=tmp_path, SOCKET=path)
    assert done.returncode == 0, done.stderr
