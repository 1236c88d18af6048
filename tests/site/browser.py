"""Pages of the built site in a real Chromium: axe's rules, and pictures to look at."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]
AXE = ROOT / ".servers/node_modules/axe-core/axe.min.js"
PAGES = (
    "README",
    "docs/applications/flask",
    "docs/bench/python3.11",
    "docs/index",
    "docs/made/api/sampler.agent",
    "docs/made/clauses/clauses",
    "docs/messages",
    "docs/scaling",
    "examples/talk/pages/funnel",
    "genindex",
    "pep/pep-9999",
    "search",
)
"""One of each kind, with all rules and both colours; every page is looked at by its structure."""
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
SLOW = "color-contrast"
"""The rule that takes longer than all others together; colours are the same on all pages."""
WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 320, "height": 640}
RUN_AXE = """async ([tags, slow, all]) => {
    const rules = all ? {} : {[slow]: {enabled: false}};
    const told = await axe.run(document, {runOnly: tags, rules, resultTypes: ["violations"]});
    return told.violations.map((each) => `${each.id}: ${each.nodes.map((node) => node.html)}`);
}"""
WIDER = "document.documentElement.scrollWidth > window.innerWidth"


def missing() -> list[str]:
    """Return what is needed and not here."""
    found = {
        "chromium": shutil.which("chromium"),
        "playwright": find_spec("playwright"),
        "axe-core": AXE.exists(),
    }
    return [name for name, here in found.items() if not here]


def pages(site: Path) -> list[str]:
    """Return the names of all pages of a built site; ``index`` only leads on."""
    found = (page.relative_to(site).with_suffix("").as_posix() for page in site.rglob("*.html"))
    return sorted(set(found) - {"index"})


def faults(site: Path, pictures: Path | None = None) -> Iterator[str]:
    """Yield what axe finds on the pages, each that is wider than its window; and try the search.

    Args:
        site: the folder that was built; pages are opened from the disk.
        pictures: where to write a picture of some.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for colours in ("light", "dark"):
            page = chromium.new_page(color_scheme=colours, viewport=WIDE)
            for name in PAGES:
                yield from _found(page, site, name, all_rules=True)
                if pictures is not None:
                    page.screenshot(path=pictures / f"{name.replace('/', '-')}-{colours}.png")
            page.close()
        page = chromium.new_page(color_scheme="light", viewport=PHONE)
        for name in pages(site):
            yield from _found(page, site, name, all_rules=False)
            if pictures is not None and name in PAGES:
                page.screenshot(path=pictures / f"{name.replace('/', '-')}-phone.png")
        page = chromium.new_page()
        page.goto(f"{(site / 'search.html').resolve().as_uri()}?q=outbox")
        if not page.wait_for_selector("#search-results li a", timeout=30_000):
            yield "search: nothing is found"
        chromium.close()


def _found(page: Page, site: Path, name: str, *, all_rules: bool) -> Iterator[str]:
    """Yield what is wrong with one page."""
    page.goto((site / f"{name}.html").resolve().as_uri())
    width = page.evaluate("window.innerWidth")
    if page.evaluate(WIDER):
        yield f"{name}, {width} pixels: wider than the window"
    page.evaluate(AXE.read_text("utf-8"))
    for violation in page.evaluate(RUN_AXE, [TAGS, SLOW, all_rules]):
        yield f"{name}, {width} pixels: {violation}"
