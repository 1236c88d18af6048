"""A real Chromium, and programs whose pages it looks at."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.page.browser.stand_in import StandIn, many
from tests.support.command import environment
from tests.support.ports import HOST, hold_ports
from tests.wiring.rig import need

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[3]
AXE = ROOT / ".servers" / "node_modules" / "axe-core" / "axe.min.js"
RUN_AXE = """async (tags) => {
    const told = await axe.run(document, {runOnly: tags, resultTypes: ["violations"]});
    return told.violations.map((each) => `${each.id}: ${each.nodes.map((node) => node.html)}`);
}"""
LISTEN = """
    window.broken = [];
    document.addEventListener("securitypolicyviolation", (event) => {
        window.broken.push(`${event.violatedDirective} ${event.blockedURI}`);
    });
"""
"""Written into each page before its own scripts: the browser's reports of broken rules."""


@pytest.fixture(scope="package")
def browser(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Return Debian's Chromium, without a window."""
    need(request, "playwright")
    need(request, "chromium")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=30_000)  # a busy machine's
    with sync_playwright() as playwright:
        path = shutil.which("chromium")
        yield playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])


class Shop:
    """`tests.page.browser.shop` as a process, at a port that stays its own.

    Attributes:
        url: of its page.
    """

    def __init__(self, series: int) -> None:
        self._held = hold_ports(2)  # nobody ever listens on the second
        self._ports = [each.getsockname()[1] for each in self._held]
        self._series = series
        self.url = f"http://{HOST}:{self._ports[0]}/live/"
        self._process: subprocess.Popen[str] | None = None

    def begin(self) -> None:
        """Start it, and return when its agent runs."""
        listen, nobody = map(str, self._ports)
        module = "tests.page.browser.shop"
        process = self._process = subprocess.Popen(
            [sys.executable, "-m", module, listen, str(self._series), nobody],
            cwd=ROOT,
            env=environment(TZ="UTC-1"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

    def end(self) -> None:
        """End it, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate(timeout=30)
            self._process = None

    def close(self) -> None:
        """End it, and give its ports back."""
        self.end()
        for each in self._held:
            each.close()


@contextmanager
def a_shop(series: int) -> Iterator[Shop]:
    """Run a shop."""
    running = Shop(series)
    try:
        running.begin()
        yield running
    finally:
        running.close()


@pytest.fixture(scope="package")
def shop(browser: Any) -> Iterator[Shop]:
    """A shop with few series, shared by tests that let it run."""
    with a_shop(40) as running:
        yield running


@pytest.fixture
def server() -> Iterator[StandIn]:
    """A server of few series whose answers the test changes."""
    with StandIn(many(6)) as running:
        yield running


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open pages: `visit(url, width=320, color_scheme="dark")`.

    With `own_clock` the test may turn the page's clock; `script` runs before the page's own. At
    the end nothing may have broken a rule or failed, but for requests that met no server, and no
    other host may have been asked.
    """
    faults: list[str] = []
    hosts: set[str] = set()
    contexts: list[Any] = []
    pages: list[Any] = []

    def note(message: Any) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            faults.append(message.text)

    def open_page(
        url: str, width: int = 1280, *, own_clock: bool = False, script: str = "", **options: Any
    ) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        context.add_init_script(LISTEN + script)
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda each: hosts.add(each.url.split("/")[2]))
        pages.append((page, url.split("/")[2]))
        if own_clock:
            page.clock.install()
        page.goto(url)
        return page

    yield open_page
    broken = [each for page, _ in pages for each in page.evaluate("window.broken")]
    for context in contexts:
        context.close()
    assert (faults, broken) == ([], [])
    assert hosts == {host for _, host in pages}


@pytest.fixture
def faults_of(request: pytest.FixtureRequest) -> Callable[[Any], list[str]]:
    """Return what axe finds wrong with a page, by its rules for WCAG 2.2 AA and good practice."""
    if not AXE.exists():
        reason = "axe-core is missing: tests/support/install_servers.sh"
        if request.config.getoption("--require-servers"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)

    def look(page: Any) -> list[str]:
        page.evaluate(AXE.read_text())
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        return page.evaluate(RUN_AXE, tags)

    return look
