"""The page of a program that runs, as people see it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.page.browser.conftest import a_shop
from tests.page.browser.expecting import expect
from tests.page.browser.shop import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.page.browser.conftest import Shop

LATEST = 'document.querySelectorAll("#series .space [role=row]:not(.group)")'


def row(page: Any, *texts: str) -> Any:
    """Return the rows of the list that hold all of the texts."""
    found = page.locator("#series .space [role=row]:not(.group)")
    for text in texts:
        found = found.filter(has_text=text)
    return found


def live(page: Any) -> Any:
    """Wait until the page has an answer."""
    expect(page.locator("#state")).to_have_text("live")
    return page


def no_wider_than_its_window(page: Any) -> bool:
    """Say whether nothing has to be scrolled sideways."""
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_it_shows_whose_numbers_they_are_and_each_with_its_unit(shop: Shop, visit: Any) -> None:
    page = live(visit(shop.url))
    expect(page.locator("h1")).to_have_text("shop")
    expect(page).to_have_title("(1) shop · sampler")
    expect(row(page, "shop.orders", "route=/buy").locator(".c-unit")).to_have_text("order/s")
    expect(row(page, "shop.latency").locator(".c-unit")).to_have_text("ms p95")
    expect(page.locator("#samplers tbody tr")).to_have_count(5)
    expect(page.locator("#adapters tbody tr")).to_have_count(2)


def test_trouble_comes_first_with_its_remedy(shop: Shop, visit: Any) -> None:
    page = live(visit(shop.url))
    first = page.locator("main section").first
    expect(first).to_contain_text("One thing is wrong")
    expect(first).to_contain_text("Connection refused")
    expect(first.locator(".remedy")).not_to_be_empty()


def test_values_go_on_without_a_reload(shop: Shop, visit: Any) -> None:
    page = live(visit(shop.url))
    cell = row(page, "wide.depth", "queue=q0").locator(".c-value")
    expect(cell).not_to_be_empty()
    line = row(page, "wide.depth", "queue=q0").locator(".spark .line")
    said, drawn = cell.inner_text(), line.get_attribute("d")
    expect(cell).not_to_have_text(said)
    expect(line).not_to_have_attribute("d", drawn)


def test_the_application_is_charted_a_panel_a_unit_with_a_table_beside(
    shop: Shop, visit: Any
) -> None:
    page = live(visit(shop.url))
    panel = page.locator("#panels .panel", has=page.get_by_role("heading", name="shop.orders"))
    expect(panel.locator(".in")).to_have_text("order/s")
    expect(panel.locator("canvas")).to_be_visible()
    expect(panel.locator("tbody tr")).to_have_count(2)
    latency = page.locator("#panels .panel", has_text="shop.latency")
    expect(latency.locator("tbody td").first).to_contain_text("·")


def test_what_is_ticked_is_charted_and_stays_so_after_a_reload(shop: Shop, visit: Any) -> None:
    page = live(visit(shop.url))
    row(page, "wide.depth", "queue=q7").get_by_role("checkbox").check()
    table = page.locator("#panels tbody tr", has_text="queue=q7")
    expect(table).to_have_count(1)
    page.reload()
    expect(table).to_have_count(1)
    table.get_by_role("button").click()
    expect(table).to_have_count(0)


def test_how_old_a_process_is_is_charted_apart_from_how_long_something_takes(
    shop: Shop, visit: Any
) -> None:
    page = live(visit(shop.url))
    page.get_by_role("searchbox").fill("process.uptime")
    row(page, "process.uptime").get_by_role("checkbox").check()
    ages = page.get_by_role("region", name="Charts of gauges in s")
    expect(ages.locator("tbody tr")).to_have_count(1)
    durations = page.get_by_role("region", name="Charts of histograms in s")
    expect(durations).to_contain_text("shop.latency")
    expect(durations).not_to_contain_text("uptime")


def test_search_finds_by_name_and_label_and_escape_clears(shop: Shop, visit: Any) -> None:
    page = live(visit(shop.url))
    page.keyboard.press("/")
    search = page.get_by_role("searchbox")
    expect(search).to_be_focused()
    page.keyboard.type("DEPTH queue=q13")
    expect(row(page)).to_have_count(1)
    expect(row(page, "queue=q13")).to_be_visible()
    expect(page.locator("#found")).to_contain_text("1 of ")
    page.keyboard.press("Escape")
    expect(search).to_have_value("")
    expect(row(page, "shop.waiting")).to_have_count(1)


def test_the_list_is_walked_chosen_from_and_opened_by_keys_alone(shop: Shop, visit: Any) -> None:
    page = live(visit(shop.url))
    page.keyboard.press("/")
    page.keyboard.type("wide.depth")
    expect(row(page, "queue=q3").first).to_be_visible()
    page.keyboard.press("Tab")  # the list is one stop
    expect(page.locator("button.fold")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#peek")).to_contain_text("How many wait.")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Space")
    expect(row(page, "queue=q1").first.get_by_role("checkbox")).to_be_checked()
    page.keyboard.press("End")
    expect(row(page, "queue=q39").get_by_role("checkbox")).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator("#one h2")).to_be_focused()
    expect(page.locator("#one")).to_contain_text("queue=q39")


def test_a_series_page_has_its_declaration_and_its_last_values(shop: Shop, visit: Any) -> None:
    page = live(visit(shop.url + "#/series/shop.orders?route=%2Fbuy"))
    one = page.locator("#one")
    expect(one.get_by_role("heading", level=2)).to_have_text("shop.orders")
    expect(one).to_contain_text("Orders placed.")
    expect(one.locator(".declared")).to_contain_text("counter")
    expect(one.locator(".last tbody tr").first).to_contain_text("order/s")
    expect(one.locator(".total")).to_have_text(re.compile(r"^[\d,]+\sorder in total$"))
    one.get_by_role("link").first.click()
    expect(page.locator("#overview")).to_be_visible()


def test_a_chart_is_read_at_any_time_by_keys(shop: Shop, visit: Any) -> None:
    page = live(visit(shop.url))
    panel = page.locator("#panels .panel").first
    expect(panel.locator("canvas")).to_be_visible()
    panel.locator(".plot").focus()
    page.keyboard.press("Home")
    expect(panel.locator("thead")).to_contain_text("Then")
    expect(page.locator("#say")).to_contain_text("shop.")
    page.keyboard.press("Escape")
    expect(panel.locator("thead")).to_contain_text("Now")


@pytest.mark.parametrize("width", [1200, 700])
def test_a_time_of_day_stands_on_one_line_of_its_row(shop: Shop, visit: Any, width: int) -> None:
    page = live(visit(shop.url, width=width))
    page.get_by_role("searchbox").fill("process.start_time")
    value = row(page, "process.start_time").locator(".c-value")
    expect(value).to_contain_text("-")
    assert value.evaluate("one => one.scrollWidth <= one.clientWidth")
    assert value.evaluate("one => one.clientHeight < one.parentElement.clientHeight")


def test_it_goes_on_by_itself_after_the_program_has_been_started_anew(visit: Any) -> None:
    with a_shop(3) as own:
        page = live(visit(own.url))
        row(page, "wide.depth", "queue=q1").get_by_role("checkbox").check()
        was = page.locator("#identity").inner_text().split(" · ")[2]
        own.end()
        expect(page.locator("#state")).to_contain_text("no answer since")
        own.begin()
        expect(page.locator("#state")).to_have_text("live")
        expect(page.locator("#identity")).not_to_contain_text(was)
        expect(page.locator("#panels tbody tr", has_text="queue=q1")).to_have_count(1)
        expect(row(page, "queue=q2").locator(".c-value")).not_to_be_empty()


def test_a_strangers_texts_are_texts_and_the_layout_stands(shop: Shop, visit: Any) -> None:
    page = live(visit(shop.url))
    page.get_by_role("searchbox").fill("stranger.said")
    expect(row(page)).to_have_count(len(HOSTILE))
    expect(row(page, "␀").first).to_contain_text("nothing␀after")
    expect(row(page, "[U+202E]")).to_have_count(1)
    assert page.locator("#list script, #list img, #panels script").count() == 0
    heights = page.evaluate(f"[...{LATEST}].map((row) => row.getBoundingClientRect().height)")
    assert len(set(heights)) == 1
    assert no_wider_than_its_window(page)
    row(page, "w" * 100).get_by_role("link").click()
    expect(page.locator("#one .help")).to_contain_text("<script>")
    assert no_wider_than_its_window(page)
    assert page.title().endswith("shop · sampler")


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (1280, "dark"), (320, "light")])
def test_axe_finds_nothing_wrong(
    shop: Shop, visit: Any, faults_of: Callable[[Any], list[str]], width: int, theme: str
) -> None:
    page = live(visit(shop.url, width=width, color_scheme=theme))
    expect(row(page, "shop.waiting").locator(".c-value")).not_to_be_empty()
    assert faults_of(page) == []
    page.goto(shop.url + "#/series/shop.latency")
    expect(page.locator("#one .last tbody tr").first).to_be_visible()
    assert faults_of(page) == []


def test_a_phone_of_320_pixels_shows_all_and_breaks_no_word(shop: Shop, visit: Any) -> None:
    page = live(visit(shop.url, width=320))
    expect(row(page, "shop.waiting").locator(".c-value")).to_be_visible()
    assert no_wider_than_its_window(page)
    broken = """names => names.flatMap((name) => {
        const found = [];
        const walk = document.createTreeWalker(name, NodeFilter.SHOW_TEXT);
        while (walk.nextNode()) {
            const range = document.createRange();
            range.selectNodeContents(walk.currentNode);
            const lines = new Set([...range.getClientRects()].map((each) => each.top));
            if (lines.size > 1) found.push(walk.currentNode.data);
        }
        return found;
    })"""
    page.get_by_role("searchbox").fill("process")
    expect(row(page, "file_descriptor")).to_be_visible()
    assert page.locator("#list .name").evaluate_all(broken) == []


def test_the_theme_that_was_chosen_stays(shop: Shop, visit: Any) -> None:
    page = live(visit(shop.url, color_scheme="light"))
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    button = page.get_by_role("button", name="Theme")
    button.click()
    button.click()
    expect(button).to_have_text("Theme: dark")
    page.reload()
    expect(button).to_have_text("Theme: dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light


def test_of_5000_series_only_those_in_view_are_built(visit: Any) -> None:
    with a_shop(4900) as own:
        page = live(visit(own.url))
        expect(row(page, "shop.waiting").locator(".c-value")).not_to_be_empty(timeout=20_000)
        assert page.evaluate("document.querySelectorAll('*').length") < 2500
        page.locator(".fold", has_text="wide").focus()
        page.keyboard.press("End")
        page.get_by_role("searchbox").fill("queue=q4899")
        expect(row(page)).to_have_count(1)
        expect(row(page, "queue=q4899").locator(".c-value")).not_to_be_empty()


def test_the_clock_has_the_zone_of_the_program(shop: Shop, visit: Any) -> None:
    page = live(visit(shop.url, timezone_id="America/New_York"))
    expect(page.locator("#clock")).to_contain_text("+01:00")
