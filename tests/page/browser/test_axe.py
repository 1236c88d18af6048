"""What axe says of the page in states that a running program would take long to be in."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.page.browser.expecting import expect
from tests.page.browser.stand_in import ADVICE, SERIES_PAGE, TROUBLE, WEB, an_adapter

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.page.browser.stand_in import StandIn

VIEWS = [(width, scheme) for width in (1280, 320) for scheme in ("light", "dark")]


def _troubled(server: StandIn) -> None:
    now = time.time()
    error = {"last_error": "Connection refused", "last_error_time": now, "delivered": 0}
    server.now |= {
        "trouble": [TROUBLE, {**TROUBLE, "where": "adapter two", "since": None}],
        "web": WEB,
        "advice": [ADVICE],
        "adapters": [an_adapter(), an_adapter(name="two", dropped={"oldest": 1100}, **error)],
        "samplers": [
            {"name": "pool", "duration": None, "series": 0, "yielded": 0,
             "refused": {"bad_name": 3}, "failures": 81, "paused_for": 50.3,
             "last_failure": "KeyError: 'size'"},
        ],
        "processes": [
            {"instance": str(n), "pid": 100 + n, "role": "worker", "start": now - 60,
             "last_report": now, "state": state}
            for n, state in enumerate(["reports", "lost"])
        ],
    }  # fmt: skip


def _answering(page: Any, server: StandIn) -> None:
    server.now["web"] = dict.fromkeys(WEB)
    expect(page.locator("#tiles .tile").first).to_be_visible()


def _in_trouble(page: Any, server: StandIn) -> None:
    _troubled(server)
    expect(page.locator("#trouble li")).to_have_count(2)
    expect(page.locator("#processes tbody tr")).to_have_count(2)


def _refused(page: Any, server: StandIn) -> None:
    server.refuse = 503
    expect(page.locator("#stale")).to_be_visible()


def _refused_in_trouble(page: Any, server: StandIn) -> None:
    _in_trouble(page, server)
    _refused(page, server)


def _refused_on_a_series_page(page: Any, server: StandIn) -> None:
    page.goto(server.url + SERIES_PAGE)
    expect(page.locator("#one .last tbody tr").first).to_be_visible()
    _refused(page, server)


def _without_an_answer(page: Any, server: StandIn) -> None:
    server.silent = True
    expect(page.locator("#stale")).to_be_visible()


def _paused(page: Any, server: StandIn) -> None:
    del server
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#state")).to_have_text("paused")


def _of_another_version(page: Any, server: StandIn) -> None:
    server.now["version"] = 2
    expect(page.locator("#state")).to_contain_text("reload this page")


def _without_such_a_series(page: Any, server: StandIn) -> None:
    page.goto(server.url + "#/series/no.such")
    expect(page.locator("#one h2")).to_have_text("No such series")


@pytest.mark.parametrize(
    "reach",
    [
        _answering,
        _in_trouble,
        _refused,
        _refused_in_trouble,
        _refused_on_a_series_page,
        _without_an_answer,
        _paused,
        _of_another_version,
        _without_such_a_series,
    ],
    ids=lambda reach: reach.__name__.strip("_").replace("_", " "),
)
def test_axe_finds_nothing_wrong_with_the_page(
    server: StandIn,
    visit: Any,
    faults_of: Callable[[Any], list[str]],
    reach: Callable[[Any, StandIn], None],
) -> None:
    page = visit(server.url)
    expect(page.locator("#state")).to_have_text("live")
    reach(page, server)
    found = {}
    for width, scheme in VIEWS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        found[width, scheme] = faults_of(page)
    assert found == {view: [] for view in VIEWS}
