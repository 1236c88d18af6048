"""Pages of the built site in a real Chromium: axe's rules, and pictures to look at."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
AXE = ROOT / ".servers/node_modules/axe-core/axe.min.js"
PAGES = ("docs/index", "docs/applications/flask", "docs/messages")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
VIEWS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "phone": {"color_scheme": "light", "viewport": {"width": 320, "height": 640}},
}
RUN_AXE = """async (tags) => {
    const told = await axe.run(document, {runOnly: tags, resultTypes: ["violations"]});
    return told.violations.map((each) => `${each.id}: ${each.nodes.map((node) => node.html)}`);
}"""


def missing() -> list[str]:
    """Return what is needed and not here."""
    found = {
        "chromium": shutil.which("chromium"),
        "playwright": find_spec("playwright"),
        "axe-core": AXE.exists(),
    }
    return [name for name, here in found.items() if not here]


def faults(site: Path, pictures: Path | None = None) -> Iterator[str]:
    """Yield what axe finds on the pages, each that is wider than a phone; and try the search.

    Args:
        site: the folder that was built; pages are opened from the disk.
        pictures: where to write a picture of each.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for view, options in VIEWS.items():
            page = chromium.new_page(**options)
            for name in PAGES:
                page.goto((site / f"{name}.html").resolve().as_uri())
                page.evaluate(AXE.read_text("utf-8"))
                for violation in page.evaluate(RUN_AXE, TAGS):
                    yield f"{name}, {view}: {violation}"
                if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
                    yield f"{name}, {view}: wider than the window"
                if pictures is not None:
                    page.screenshot(path=pictures / f"{name.replace('/', '-')}-{view}.png")
        page = chromium.new_page()
        page.goto(f"{(site / 'search.html').resolve().as_uri()}?q=outbox")
        if not page.wait_for_selector("#search-results li a", timeout=30_000):
            yield "search: nothing is found"
        chromium.close()
