"""Measure the live page with some 5,000 series: ``python -m tests.page.speed``.

It prints when something is painted, when the list has values, how long a search takes from a key
to the next layout, and how many elements there are: on a machine that has nothing else to do.
"""

from __future__ import annotations

import shutil
from statistics import median
from typing import Any

from tests.page.browser.conftest import a_shop

SERIES = 4900
ROUNDS = 5
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


def _visit(browser: Any, url: str) -> dict[str, float]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(url)
    page.locator("#list .c-value:not(:empty)").first.wait_for(state="attached")
    told = {
        "values in the list, ms": page.evaluate("performance.now()"),
        "first paint, ms": page.evaluate(
            "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        ),
        "slowest search, ms": max(page.evaluate(SEARCH)),
        "elements": page.evaluate("document.querySelectorAll('*').length"),
    }
    page.close()
    return told


def main() -> None:
    """Visit the page some times; print medians and extremes."""
    from playwright.sync_api import sync_playwright

    with a_shop(SERIES) as shop, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        rounds = [_visit(browser, shop.url) for _ in range(ROUNDS)]
        browser.close()
    for name in rounds[0]:
        found = sorted(each[name] for each in rounds)
        print(f"{name}: {median(found):.0f} ({found[0]:.0f} to {found[-1]:.0f})")


if __name__ == "__main__":
    main()
