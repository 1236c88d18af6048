"""The page and ``sampler top`` show the program's own numbers first, over a whole relay."""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.page.browser.expecting import expect
from tests.page.rig import Viewer
from tests.support.command import running, sampler
from tests.support.ports import HOST, free_port
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytest.importorskip("msgspec", reason="the relay needs it")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a command runs on Linux only")

ORDER = ["shop", "zoo", "http.server", "process", "sampler.relay", "server"]
"""Samplers of a program under a server; the agent's own account follows, and the page folds it."""
_APP = """
import time
import sampler
import sampler.agent
for name in ("http.server", "zoo", "shop"):
    sampler.register({"name": name, "sample": lambda: [("depth", 7)]})
sampler.agent.start()
while True:
    time.sleep(1)
"""


class Relay(NamedTuple):
    """A program under ``sampler run --``.

    Attributes:
        url: of its page.
        socket: of its ``sampler top``.
    """

    url: str
    socket: str


@pytest.fixture(scope="module")
def relay() -> Iterator[Relay]:
    """One for all tests here, once all of its samplers have answered."""
    port = free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        socket = folder / "s.sock"
        (folder / "app.py").write_text(_APP)
        enable = ", ".join(f'"{each}"' for each in ORDER[:4])
        (folder / "sampler.toml").write_text(
            f'interval = 0.5\nsocket = "{socket}"\n[samplers]\nenable = [{enable}]\n'
            f'[adapters.prometheus]\nlisten = "{HOST}:{port}"\nlive = true\n'
        )
        with running("run", "--", sys.executable, "app.py", cwd=folder) as process:
            viewer = Viewer(str(socket))
            wait_for(viewer.answers, 30, "the page")

            def all_there() -> bool:
                found = viewer.get("series.json")["series"]
                return {each["sampler"] for each in found} >= {*ORDER, "sampler"}

            wait_for(all_there, 30, "all samplers")
            yield Relay(f"http://{HOST}:{port}/live/", str(socket))
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)


def test_top_shows_them_by_rank(relay: Relay) -> None:
    done = sampler("top", "--socket", relay.socket)
    _, _, table = done.stdout.partition("\nSERIES")
    names = [line.split()[0] for line in table.splitlines()[1:]]
    known = sorted([*ORDER, "sampler"], key=len, reverse=True)
    found = [next((s for s in known if name.startswith(f"{s}.")), name) for name in names]
    assert list(dict.fromkeys(found)) == [*ORDER, "sampler"]


def test_the_page_shows_them_by_rank(relay: Relay, visit: Callable[..., Any]) -> None:
    page = visit(relay.url)
    page.locator("#series .space .group button", has_text="process").click()  # all fit into view
    groups = page.locator("#series .space .group .fold span:first-child")
    expect(groups).to_have_text([*ORDER, "sampler"])
