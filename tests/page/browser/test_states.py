"""What the page shows of states that a running program would take long to be in."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from tests.page.browser.expecting import expect
from tests.page.browser.stand_in import ADVICE, TROUBLE, WEB, a_series, an_adapter
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from tests.page.browser.stand_in import StandIn


def test_where_nothing_is_wrong_one_line_says_so(server: StandIn, visit: Any) -> None:
    page = visit(server.url)
    expect(page.locator("#trouble")).to_have_text(
        "Nothing is wrong: samplers answer, adapters deliver."
    )


def test_trouble_that_ends_is_gone_from_the_page(server: StandIn, visit: Any) -> None:
    server.now["trouble"] = [TROUBLE, {**TROUBLE, "where": "adapter two", "since": None}]
    page = visit(server.url)
    expect(page.locator("#trouble li")).to_have_count(2)
    expect(page.locator("#trouble li").first).to_contain_text("adapter statsd · since")
    server.now["trouble"] = []
    expect(page.locator("#trouble")).to_contain_text("Nothing is wrong")


def test_the_web_application_is_shown_where_there_is_one(server: StandIn, visit: Any) -> None:
    page = visit(server.url)
    expect(page.locator("#state")).to_have_text("live")
    expect(page.locator("#web")).to_be_hidden()
    server.now |= {"web": WEB, "advice": [ADVICE]}
    tiles = page.locator("#tiles .tile")
    expect(tiles).to_have_text(
        [
            "Utilisation82%of what the servers can do at once",
            "Queue time, p9543msmedian 2.10 ms",
            "Latency, median12msp95 180 ms · p99 410 ms",
            "Requests127/s6 in progress",
            "Errors0.31/s0.2 % of requests",
        ]
    )
    expect(page.locator("#advice")).to_contain_text("Too few workers")


def test_a_web_application_that_has_no_numbers_yet_is_shown_by_dashes(
    server: StandIn, visit: Any
) -> None:
    server.now["web"] = dict.fromkeys(WEB)
    page = visit(server.url)
    expect(page.locator("#tiles .tile")).to_have_count(5)
    expect(page.locator("#tiles .big").first).to_have_text("\u2013")


def test_without_a_known_limit_the_web_application_is_as_busy_as_it_has_requests_at_once(
    server: StandIn, visit: Any
) -> None:
    server.now["web"] = {**WEB, "utilization": None}
    page = visit(server.url)
    first = page.locator("#tiles .tile").first
    expect(first).to_have_text("Busy3.28at oncerequests; no limit is known")
    expect(first.locator(".meter")).to_be_hidden()
    server.now["web"] = WEB
    expect(first).to_have_text("Utilisation82%of what the servers can do at once")
    expect(page.locator("#tiles .tile")).to_have_count(5)


def test_a_time_that_the_right_edge_would_cut_is_left_out_of_a_charts_axis(
    server: StandIn, visit: Any
) -> None:
    server.series[:] = [a_series(0, "shop.depth")]
    server.clock = lambda: 1_795_798_800.0  # a full hour of the server's: a label at the very edge
    page = visit(server.url)
    expect(page.locator("#panels .when")).to_have_text("22:30:00")
    drawn = """(canvas) => {
        const inked = (x, width) => canvas.getContext("2d")
            .getImageData(x, canvas.height - 24, width, 24).data.some((each) => each > 0);
        return [inked(canvas.width - 1, 1), inked(0, canvas.width)];
    }"""
    assert page.locator("#panels canvas").evaluate(drawn) == [False, True]


def test_what_is_shown_while_the_server_does_not_answer_is_said_to_be_old(
    server: StandIn, visit: Any
) -> None:
    page = visit(server.url)
    expect(page.locator("#state")).to_have_text("live")
    expect(page.locator("#stale")).to_be_hidden()
    server.silent = True
    expect(page.locator("#stale")).to_contain_text("nothing newer has come")
    server.silent = False
    expect(page.locator("#stale")).to_be_hidden()


def test_times_are_in_the_servers_zone_of_24_hours(server: StandIn, visit: Any) -> None:
    server.now["trouble"] = [TROUBLE]
    page = visit(server.url, timezone_id="America/New_York")
    expect(page.locator("#clock")).to_contain_text("+05:30")
    since = time.strftime("%H:%M:%S", time.gmtime(TROUBLE["since"] + 5.5 * 3600))  # type: ignore[operator]
    expect(page.locator("#trouble li")).to_contain_text(since)


def test_a_hidden_tab_asks_for_nothing(server: StandIn, visit: Any) -> None:
    page = visit(server.url, own_clock=True)
    expect(page.locator("#state")).to_have_text("live")
    hide = """hidden => {
        Object.defineProperty(document, "hidden", {configurable: true, get: () => hidden});
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(hide, True)
    ask = "fetch('now.json?mark').then((answer) => answer.text())"
    page.evaluate(ask)
    page.clock.run_for(60_000)
    page.evaluate(ask)
    marks = [at for at, path in enumerate(server.asked) if path == "/live/now.json?mark"]
    assert marks[1] - marks[0] == 1
    page.evaluate(hide, False)
    wait_for(lambda: server.asked[-1] != "/live/now.json?mark", what="a request of the shown tab")


def test_a_refusal_is_told_in_the_servers_words_and_overcome(server: StandIn, visit: Any) -> None:
    page = visit(server.url)
    expect(page.locator("#state")).to_have_text("live")
    server.refuse = 503
    expect(page.locator("#state")).to_contain_text("not now")
    server.refuse = 0
    expect(page.locator("#state")).to_have_text("live")


def test_a_server_of_another_version_is_told(server: StandIn, visit: Any) -> None:
    server.now["version"] = 2
    page = visit(server.url)
    expect(page.locator("#state")).to_contain_text("reload this page")


def test_pause_stops_the_page_and_goes_on(server: StandIn, visit: Any) -> None:
    page = visit(server.url)
    expect(page.locator("#state")).to_have_text("live")
    pause = page.get_by_role("button", name="Pause")
    pause.click()
    expect(page.locator("#state")).to_have_text("paused")
    pause.click()
    expect(page.locator("#state")).to_have_text("live")


def test_an_answer_that_comes_after_the_page_was_paused_does_not_end_the_pause(
    server: StandIn, visit: Any
) -> None:
    page = visit(server.url)
    expect(page.locator("#state")).to_have_text("live")
    answer, asked, released = server.answer, threading.Event(), threading.Event()

    def late(name: str, query: dict[str, str]) -> tuple[int, Any]:
        if name == "now.json":
            asked.set()
            released.wait(4)
        return answer(name, query)

    server.answer = late  # type: ignore[method-assign]
    assert asked.wait(30)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#state")).to_have_text("paused")
    server.now["trouble"] = [TROUBLE]
    page.evaluate("""() => {
        const [state, pause] = ["state", "pause"].map((id) => document.getElementById(id));
        window.told = [];
        new MutationObserver(() => told.push(`${state.dataset.state} ${pause.ariaPressed}`))
            .observe(state, {attributes: true, childList: true});
    }""")
    with page.expect_response("**/history.json*") as last:
        released.set()
    last.value.finished()
    expect(page.locator("#trouble li")).to_have_count(1)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#state")).to_have_text("live")
    assert "live true" not in page.evaluate("told")


def test_an_account_that_does_not_add_up_is_told(server: StandIn, visit: Any) -> None:
    server.now["adapters"] = [an_adapter(), an_adapter(name="two", delivered=1000)]
    page = visit(server.url)
    rows = page.locator("#adapters tbody tr")
    expect(rows.nth(0)).to_contain_text("every entry")
    expect(rows.nth(1)).to_contain_text("100 missing")


def test_an_adapter_shows_its_last_error_and_why_it_dropped(server: StandIn, visit: Any) -> None:
    server.now["adapters"] = [
        an_adapter(
            last_error="Connection refused",
            last_error_time=time.time(),
            last_delivery_time=None,
            delivered=0,
            dropped={"oldest": 1100, "rejected": 0},
        )
    ]
    page = visit(server.url)
    adapter = page.locator("#adapters tbody tr")
    expect(adapter).to_contain_text("Connection refused")
    expect(adapter).to_contain_text("1,100 (oldest 1,100)")


def test_a_sampler_that_is_paused_says_why(server: StandIn, visit: Any) -> None:
    sampler = {
        "name": "pool", "duration": None, "series": 0, "yielded": 0, "refused": {"bad_name": 3},
        "failures": 81, "failing": True, "paused": True, "paused_for": 50.3,
        "last_failure": "KeyError: 'size'",
    }  # fmt: skip
    elsewhere = {"paused_for": None, "last_failure": "raised, in a process that reports"}
    server.now["samplers"] = [
        sampler,
        {**sampler, **elsewhere, "name": "other"},
        {**sampler, **elsewhere, "name": "slow", "paused": False},
        {**sampler, **elsewhere, "name": "silent", "paused": False, "failing": False},
    ]
    page = visit(server.url)
    rows = page.locator("#samplers tbody tr")
    expect(rows.nth(0)).to_contain_text("paused for 50 s: KeyError: 'size'")
    expect(rows.nth(0)).to_contain_text("3 (bad_name 3)")
    expect(rows.nth(1)).to_contain_text("paused: raised, in a process that reports")
    expect(rows.nth(2)).to_contain_text("fails: raised, in a process that reports")
    expect(rows.nth(3)).to_contain_text("has not answered: raised, in a process that reports")


def test_the_processes_of_a_relay_are_listed(server: StandIn, visit: Any) -> None:
    now = time.time()
    server.now["processes"] = [
        {"instance": str(n), "pid": 100 + n, "role": "worker", "start": now - 60,
         "last_report": now, "state": "reports"}
        for n in range(4)
    ]  # fmt: skip
    page = visit(server.url)
    expect(page.locator("#processes tbody tr")).to_have_count(4)
    expect(page.locator("#count-processes")).to_have_text("4")


def test_another_catalogue_is_read_at_once(server: StandIn, visit: Any) -> None:
    page = visit(server.url)
    expect(page.locator("#found")).to_have_text("6 series")
    server.series.append(a_series(6, "shop.late"))
    server.now["catalogue"] = 2
    expect(page.locator("#found")).to_have_text("7 series")
    expect(page.locator("#list .name", has_text="shop.late")).to_have_count(1)


def test_series_are_read_again_from_a_program_begun_anew_with_the_same_catalogue(
    server: StandIn, visit: Any
) -> None:
    page = visit(server.url)
    expect(page.locator("#found")).to_have_text("6 series")
    server.series[:] = [a_series(0, "other.first"), a_series(1, "other.second")]
    server.began += 100
    expect(page.locator("#found")).to_have_text("2 series")


def test_a_series_that_is_not_there_is_told(server: StandIn, visit: Any) -> None:
    page = visit(server.url + "#/series/no.such")
    expect(page.locator("#one h2")).to_have_text("No such series")


def test_motion_is_left_out_where_the_viewer_wants_none(server: StandIn, visit: Any) -> None:
    server.now["web"] = WEB
    page = visit(server.url, reduced_motion="reduce")
    meter = page.locator("#tiles .meter i").first
    expect(meter).to_be_attached()
    assert meter.evaluate("bar => getComputedStyle(bar).transitionDuration") == "0s"
