"""Measure the live page with some 5,000 series: ``python -m tests.page.speed``.

It prints when something is painted, when the list of all series has values, how long a search
takes from a key to the next layout, and how many elements there are: on a machine that has nothing
else to do. ``python -m tests.bench --only page`` measures the same.
"""

from __future__ import annotations

import shutil
from statistics import median
from typing import TYPE_CHECKING, Any

from tests.page.browser.conftest import a_shop
from tests.page.rig import Viewer
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from tests.page.browser.conftest import Shop

SERIES = 4900
ROUNDS = 5
LISTED = """(least) => {
    const listed = parseInt(document.getElementById("found").textContent.replace(",", ""));
    return listed >= least && document.querySelector("#list .c-value:not(:empty)") !== null;
}"""
SEARCH = """() => {
    const search = document.getElementById("search");
    return ["d", "de", "dep", "depth q47", "route=/buy", "nothing", ""].map((text) => {
        const began = performance.now();
        search.value = text;
        search.dispatchEvent(new Event("input"));
        document.body.offsetHeight;
        return performance.now() - began;
    });
}"""
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def speed() -> dict[str, list[float]] | None:
    """Visit the page some times; return what was found each time, None where no browser is."""
    path = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    if path is None:
        return None
    with a_shop(SERIES) as shop, sync_playwright() as playwright:
        wait_for(lambda: _pulled(shop) >= SERIES, 60.0, "a pull of all series")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        rounds = [_visit(browser, shop.url) for _ in range(ROUNDS)]
        browser.close()
    return {name: [each[name] for each in rounds] for name in rounds[0]}


def measured() -> dict[str, float]:
    """Return medians for ``tests.bench``; nothing where no browser is."""
    return {name: median(found) for name, found in (speed() or {}).items()}


def _pulled(shop: Shop) -> int:
    return int(Viewer(shop.url.split("/")[2]).get("now.json")["series_count"])


def _visit(browser: Any, url: str) -> dict[str, float]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(url)
    page.wait_for_function(LISTED, arg=SERIES)
    told = {
        "values in the list, ms": page.evaluate("performance.now()"),
        "first paint, ms": page.evaluate(PAINTED),
        "slowest search, ms": max(page.evaluate(SEARCH)),
        "elements": page.evaluate("document.querySelectorAll('*').length"),
    }
    page.close()
    return told


def main() -> None:
    """Print medians and extremes."""
    found = speed()
    if found is None:
        raise SystemExit("There is no browser: it takes playwright, and chromium on the path.")
    for name, each in found.items():
        print(f"{name}: {median(each):.0f} ({min(each):.0f} to {max(each):.0f})")


if __name__ == "__main__":
    main()
