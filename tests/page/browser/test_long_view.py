"""A viewer who leaves the page open: what hundreds of rounds leave in the browser."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tests.page.browser.expecting import expect
from tests.page.browser.stand_in import SERIES_PAGE, TROUBLE, WEB, many
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from tests.page.browser.stand_in import StandIn

ROUNDS = 200
STEP = 25
"""Seconds of the server's between two rounds: more in all than the hour that a page keeps."""
SOON = """
    const later = window.setTimeout;
    window.setTimeout = (does, pause, ...more) => later(does, Math.min(pause, 5), ...more);
"""
"""Written into the page before its own scripts."""


class Restless:
    """Lets each round of a stand-in say something else, until it is to rest."""

    def __init__(self, server: StandIn) -> None:
        self.rounds = 0
        self.resting = False
        self._server = server
        self._began = time.time()
        self._answer = server.answer
        server.clock = lambda: self._began + STEP * self.rounds
        server.answer = self.answer  # type: ignore[method-assign]

    def answer(self, name: str, query: dict[str, str]) -> tuple[int, Any]:
        """Answer; a question of what is so now begins a round."""
        if name == "now.json":
            self.rounds += 1
            self._change(0 if self.resting else self.rounds)
        return self._answer(name, query)

    def _change(self, n: int) -> None:
        server = self._server
        server.series[:] = many(6 + n // 180 % 2)
        server.refuse = 503 if n % 50 == 49 else 0
        server.now |= {
            "catalogue": 1 + n // 180,
            "trouble": [{**TROUBLE, "where": f"adapter {n}"}] * (n % 3),
            "web": {**WEB, "utilization": (None, 0.5)[n % 2], "active": n},
            "processes": [
                {"instance": str(k), "pid": n + k, "role": "worker", "start": self._began,
                 "last_report": server.clock(), "state": "reports"}
                for k in range(1 + n % 4)
            ],
        }  # fmt: skip


def come_to_rest(page: Any, told: Restless) -> None:
    """Pause the page once it shows what a round at rest says."""
    told.resting = True
    seen = told.rounds
    wait_for(lambda: told.rounds > seen + 2, what="rounds at rest")
    expect(page.locator("#state")).to_have_text("live")
    expect(page.locator("#processes tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#state")).to_have_text("paused")


def counted(page: Any) -> dict[str, float]:
    """Return how many nodes and listeners there are once garbage has been collected."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    session.send("HeapProfiler.collectGarbage")
    metrics = session.send("Performance.getMetrics")["metrics"]
    session.detach()
    found = {each["name"]: each["value"] for each in metrics}
    return {name: found[name] for name in ("Nodes", "JSEventListeners")}


def look_closer(page: Any) -> None:
    """Open the page of a series, and leave it."""
    page.evaluate(f"location.hash = '{SERIES_PAGE}'")
    expect(page.locator("#one .last tbody tr").first).to_be_visible()
    page.evaluate("location.hash = '#/'")
    expect(page.locator("#overview")).to_be_visible()


def test_hundreds_of_rounds_leave_no_more_nodes_and_listeners(server: StandIn, visit: Any) -> None:
    """Where series, processes and trouble come and go, and the server refuses now and then."""
    told = Restless(server)
    page = visit(server.url, script=SOON)
    wait_for(lambda: told.rounds > 60, what="rounds")  # all has been seen once
    look_closer(page)
    come_to_rest(page, told)
    before = counted(page)
    told.resting = False
    page.get_by_role("button", name="Pause").click()
    until = told.rounds + ROUNDS
    wait_for(lambda: told.rounds > until, limit=60.0, what="rounds")
    look_closer(page)
    come_to_rest(page, told)

    def no_more() -> bool:  # what went last may be garbage that is not collected at once
        return all(number <= before[name] for name, number in counted(page).items())

    wait_for(no_more, what=f"no more than {before}")
