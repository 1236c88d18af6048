"""What a viewer gets below /live/, by HTTP from a real agent."""

from __future__ import annotations

import base64
import json
import threading
from contextlib import ExitStack

import pytest

from sampler.agent.config.reading import parse
from sampler.page.encoding import encoded
from tests.page.rig import Viewer, agent_with, page_with, viewer_of
from tests.support.doubles import LineSink
from tests.support.ports import free_port
from tests.support.waiting import wait_for

HOSTILE = "<script>alert(1)</script>\u202e\x00" + "x" * 900


def shop(calls: list[int] | None = None) -> dict:
    """Return a sampler with a metric of each kind."""
    count = 0

    def sample():
        nonlocal count
        count += 3
        if calls is not None:
            calls.append(count)
        yield "orders", count, {"route": "buy"}
        yield "depth", 7
        yield "wait", {"count": count, "sum": 1.0, "buckets": {0.1: count, 1.0: count}}

    return {
        "name": "shop",
        "sample": sample,
        "metrics": {
            "orders": {"kind": "counter", "unit": "{order}", "help": "Orders placed."},
            "depth": {"unit": "{job}", "help": "Jobs that wait."},
            "wait": {"kind": "histogram", "unit": "s"},
        },
    }


def by_name(viewer: Viewer) -> dict[str, dict]:
    """Return the series by name."""
    return {each["name"]: each for each in viewer.get("series.json")["series"]}


def pulled(viewer: Viewer, pulls: int = 3) -> None:
    """Wait until there is history."""
    wait_for(lambda: len(viewer.get("values.json?points=9")["times"]) >= pulls, what="some pulls")


def test_series_have_all_that_was_declared() -> None:
    """And a number by which to ask for them."""
    with page_with(shop()) as viewer:
        orders = by_name(viewer)["shop.orders"]
        assert orders.pop("id") > 0
        assert orders == {
            "name": "shop.orders",
            "labels": {"route": "buy"},
            "kind": "counter",
            "unit": "{order}",
            "help": "Orders placed.",
            "sampler": "shop",
            "rank": 0,
            "scope": "process",
        }


def test_values_are_rates_quantiles_and_gauges() -> None:
    """Of those that are asked for, all of one length."""
    with page_with(shop()) as viewer:
        pulled(viewer)
        found = by_name(viewer)
        ids = {name: str(found[f"shop.{name}"]["id"]) for name in ("orders", "depth", "wait")}
        answer = viewer.get(f"values.json?points=3&ids={','.join(ids.values())}&_=ignored")
        assert answer.keys() == {"time", "catalogue", "times", "values"}
        values = answer["values"]
        assert values.keys() == set(ids.values())
        assert len(answer["times"]) == len(values[ids["orders"]]) == 3
        assert values[ids["orders"]][-1] > 0
        assert values[ids["depth"]] == [7.0, 7.0, 7.0]
        assert 0 < values[ids["wait"]]["p50"][-1] < values[ids["wait"]]["p99"][-1] <= 0.1


def test_history_has_all_points_of_a_time() -> None:
    """Not only the newest."""
    with page_with(shop()) as viewer:
        pulled(viewer, 5)
        number = by_name(viewer)["shop.depth"]["id"]
        answer = viewer.get(f"history.json?ids={number}&seconds=3600")
        assert len(answer["times"]) == len(answer["values"][str(number)]) >= 5


def test_one_series_has_its_declaration_and_its_names_elsewhere() -> None:
    """What each adapter's backend calls it."""
    graphite = {"type": "graphite", "port": free_port(), "prefix": "p"}
    statsd = {"type": "statsd", "prefix": "s"}
    adapters = {"g": graphite, "s": statsd}
    with page_with(shop(), adapters=adapters) as viewer:
        found = by_name(viewer)
        one = viewer.get(f"one.json?id={found['shop.orders']['id']}")
        assert one["series"] == found["shop.orders"]
        assert one["declaration"]["help"] == "Orders placed."
        assert one["called"] == {
            "prometheus": "shop_orders_total",
            "g": "p.shop.orders.route-buy",
            "s": "s.shop.orders.route-buy",
        }
        wait = viewer.get(f"one.json?id={found['shop.wait']['id']}")
        assert wait["called"]["prometheus"] == "shop_wait_seconds"
        assert wait["called"]["g"] == "p.shop.wait.{count,sum,p50,p95,p99}"
        assert len(wait["last"][-1][1]) == 3


def test_one_series_has_its_total() -> None:
    """What a counter has counted, or a histogram; a gauge has none."""
    with page_with(shop()) as viewer:
        found = by_name(viewer)
        pulled(viewer)
        totals = {
            name: viewer.get(f"one.json?id={found[f'shop.{name}']['id']}")["total"]
            for name in ("orders", "wait", "depth")
        }
        assert totals["orders"] >= 6
        assert totals["orders"] % 3 == 0
        assert totals["wait"] == {"count": totals["wait"]["count"], "sum": 1.0}
        assert totals["wait"]["count"] >= totals["orders"]
        assert totals["depth"] is None


def test_now_has_the_account_of_each_adapter() -> None:
    """Those that serve people are none."""
    with LineSink() as sink:
        adapters = {"graphite": {"port": sink.port}}
        with page_with(shop(), adapters=adapters) as viewer:

            def delivered() -> dict | None:
                rows = viewer.get("now.json")["adapters"]
                each = {row["name"]: row for row in rows}
                assert each.keys() == {"prometheus", "graphite"}
                return each["graphite"] if each["graphite"]["delivered"] else None

            graphite = wait_for(delivered, what="a delivery")
            assert graphite["endpoint"] == f"127.0.0.1:{sink.port}"
            assert graphite["last_error"] is None
            assert graphite["last_delivery_time"] > 1e9
            assert graphite["collected"] == graphite["delivered"] + graphite["queued"]


def test_an_endpoint_that_is_away_is_trouble() -> None:
    """With what to do, and since when; the last error stays beside the account."""
    adapters = {"graphite": {"port": free_port()}}
    with page_with(shop(), adapters=adapters) as viewer:
        wait_for(lambda: viewer.get("now.json")["trouble"], what="trouble")
        now = viewer.get("now.json")
        (trouble,) = now["trouble"]
        assert trouble["where"] == "adapter graphite"
        assert "refused" in trouble["what"]
        assert trouble["remedy"]
        assert abs(trouble["since"] - now["time"]) < 60
        assert "refused" in now["adapters"][-1]["last_error"]


def test_a_sampler_that_fails_is_trouble_until_it_answers() -> None:
    """Its row has the failure and the pause."""
    broken = threading.Event()
    broken.set()

    def sample():
        if broken.is_set():
            raise ValueError("no pool")
        return [("x", 1)]

    with page_with({"name": "pool", "sample": sample}) as viewer:

        def paused() -> dict | None:
            row = next(r for r in viewer.get("now.json")["samplers"] if r["name"] == "pool")
            return row if row["paused_for"] else None

        row = wait_for(paused, what="a pause")
        assert row["failures"] >= 2
        assert "no pool" in row["last_failure"]
        (trouble,) = viewer.get("now.json")["trouble"]
        assert (trouble["where"], "no pool" in trouble["what"]) == ("sampler pool", True)
        broken.clear()
        wait_for(lambda: not viewer.get("now.json")["trouble"], what="the end", limit=30)
        row = next(r for r in viewer.get("now.json")["samplers"] if r["name"] == "pool")
        assert "no pool" in row["last_failure"]


def test_now_tells_who_and_when() -> None:
    """The zone is the server's."""
    with page_with(shop(), service="svc", host="here") as viewer:
        now = viewer.get("now.json")
        assert now["identity"]["service"] == "svc"
        assert now["zone"][0] in "+-"
        assert now["interval"] == 0.2
        (process,) = now["processes"]
        assert process["state"] == "reports"
        assert now["web"] is None
        assert now["advice"] == []


def test_a_viewer_pulls_nothing() -> None:
    """Samplers are called by the schedule alone."""
    calls: list[int] = []
    with page_with(shop(calls), interval=3600.0) as viewer:
        before = len(calls)
        for path in ("now.json", "series.json", "values.json", "passed.json") * 5:
            viewer.get(path)
        assert len(calls) == before


def test_a_viewer_does_not_wait_for_a_pull() -> None:
    """Neither by the schedule nor of a scrape."""
    may = threading.Event()
    entered = threading.Semaphore(0)

    def sample():
        entered.release()
        may.wait(60)
        return [("x", 1)]

    held = {"name": "slow", "sample": sample}
    with agent_with(shop(), held, interval=3600.0, samplers={"deadline": 50.0}) as agent:
        viewer = viewer_of(agent)
        scrape = threading.Thread(target=lambda: viewer.ask("/metrics"))
        scrape.start()
        try:
            assert entered.acquire(timeout=30)
            assert entered.acquire(timeout=30)
            assert viewer.get("now.json")["version"] == 1
            assert viewer.get("series.json")["series"] == []
            assert scrape.is_alive()
        finally:
            may.set()
            scrape.join(60)


def test_a_pull_does_not_wait_for_viewers() -> None:
    """Many that have asked and read nothing keep no scrape out."""
    with ExitStack() as stack:
        agent = stack.enter_context(agent_with(shop(), page={"max_connections": 20}))
        viewer = viewer_of(agent)
        for _ in range(200):
            connection = viewer.connection()
            connection.request("GET", "/live/now.json")
            stack.callback(connection.close)
        status, body, _ = viewer.ask("/metrics")
        assert status == 200
        assert b"shop_orders_total" in body


def test_viewers_beyond_half_of_the_places_are_told() -> None:
    """By a status, so that a page can say it."""
    with ExitStack() as stack:
        agent = stack.enter_context(agent_with(shop(), page={"max_connections": 2}))
        viewer = viewer_of(agent)
        slow = viewer.connection()
        stack.callback(slow.close)
        slow.request("GET", "/live/now.json")
        wait_for(lambda: viewer.ask("/live/now.json")[0] == 503, what="a refusal")
        slow.close()
        wait_for(lambda: viewer.ask("/live/now.json")[0] == 200, what="an answer")


@pytest.mark.parametrize(
    "path",
    [
        "values.json?points=0",
        "values.json?points=x",
        "values.json?points=99999",
        "values.json?ids=",
        "values.json?ids=1;2",
        "history.json",
        "history.json?ids=1&seconds=-1",
        "one.json",
        "passed.json?after=x",
        f"passed.json?glob={'*' * 300}",
        f"values.json?points={'9' * 400}",
    ],
)
def test_what_makes_no_sense_is_400_and_says_why(path: str) -> None:
    """As JSON."""
    with page_with(shop()) as viewer:
        assert viewer.get(path, 400)["error"]


@pytest.mark.parametrize(
    "path",
    ["nothing.json", "one.json?id=999999", "../secret", "%2e%2e/now.json", "static/index.html"],
)
def test_what_is_not_there_is_404(path: str) -> None:
    """No path is looked up in the file system."""
    with page_with(shop()) as viewer:
        assert viewer.get(path, 404)["error"]


def test_only_get_and_head_are_answered() -> None:
    """A head has no body."""
    with page_with(shop()) as viewer:
        assert viewer.ask("/live/now.json", "POST")[0] == 405
        status, body, fields = viewer.ask("/live/now.json", "HEAD")
        assert (status, body) == (200, b"")
        assert fields["Content-Type"].startswith("application/json")


def test_the_page_itself_may_do_nothing_from_elsewhere() -> None:
    """Its policy forbids what it does not need."""
    with page_with(shop()) as viewer:
        status, body, fields = viewer.ask("/live/")
        assert status == 200
        assert b"<!doctype html>" in body.lower()
        policy = fields["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "require-trusted-types-for 'script'" in policy
        status, _, fields = viewer.ask("/live")
        assert (status, fields["Location"]) == (308, "live/")


def test_a_foreign_name_gets_nothing() -> None:
    """As DNS rebinding would use."""
    with page_with(shop()) as viewer:
        assert viewer.ask("/live/now.json", Host="evil.example")[0] == 421
        assert viewer.ask("/live/", Host="evil.example:80")[0] == 421


def test_it_has_the_password_of_the_page() -> None:
    """Every path."""
    page = {"username": "u", "password": "p"}
    with page_with(shop(), page=page) as viewer:
        for path in ("now.json", "", "nothing", "series.json"):
            assert viewer.ask(f"/live/{path}")[0] == 401
        word = base64.b64encode(b"u:p").decode()
        assert viewer.get("now.json", Authorization=f"Basic {word}")["version"] == 1


def test_it_is_off_unless_asked_for() -> None:
    """Nothing is kept then."""
    with agent_with(shop(), page={"live": False}) as agent:
        viewer = viewer_of(agent)
        assert viewer.ask("/live/")[0] == 404
        assert viewer.ask("/live/now.json")[0] == 404
        assert [each.type for each in agent.settings.adapters] == ["prometheus"]


def test_hostile_labels_and_help_are_texts() -> None:
    """Valid JSON, whatever they hold."""
    sampler = {
        "name": "evil",
        "sample": lambda: [("x", 1, {"path": HOSTILE})],
        "metrics": {"x": {"help": "</script><img src=x onerror=alert(1)>", "unit": "{<b>}"}},
    }
    with page_with(sampler) as viewer:
        found = by_name(viewer)["evil.x"]
        assert found["labels"]["path"].startswith("<script>")
        assert viewer.ask("/live/series.json")[2]["X-Content-Type-Options"] == "nosniff"
        assert viewer.get(f"one.json?id={found['id']}")["series"] == found


def test_what_is_not_finite_is_null() -> None:
    """A rate of enormous numbers, for example: JSON has no infinity."""
    told = encoded({"a": float("inf"), "b": {str(n): [1.0, float("nan")] for n in range(99)}})
    assert json.loads(told)["a"] is None
    assert json.loads(told)["b"]["98"] == [1.0, None]


def test_all_series_are_told_at_once() -> None:
    """As many as are kept, with an hour's beginning of each; more is refused with a reason."""
    many = {"name": "many", "sample": lambda: [("x", n, {"n": str(n)}) for n in range(6000)]}
    limits = {"max_samples": 10_000, "max_series": 10_000, "deadline": 60.0}
    with page_with(many, samplers=limits) as viewer:
        wait_for(lambda: viewer.get("now.json")["omitted"], what="what is not kept")
        now = viewer.get("now.json")
        assert now["series_count"] - now["omitted"] == 5000
        (trouble,) = now["trouble"]
        assert f"{now['omitted']} series" in trouble["what"]
        assert len(viewer.get("series.json")["series"]) == 5000
        assert len(viewer.get("values.json?points=60")["values"]) == 5000
        pulled(viewer, 5)


def test_the_agents_own_account_comes_last_and_only_what_moved() -> None:
    """People's own numbers come first."""
    with page_with(shop()) as viewer:
        pulled(viewer)
        names = [each["name"] for each in viewer.get("series.json")["series"]]
        own = [name.startswith("sampler.") for name in names]
        assert own == sorted(own)
        assert any(own)
        assert "sampler.spool.size" not in names


def test_history_outlives_a_reload() -> None:
    """The page is another one then, and its listener the same."""
    with agent_with(shop()) as agent:
        viewer = viewer_of(agent)
        pulled(viewer, 3)
        before = viewer.get("values.json?points=3000")["times"][0]
        for interval, deadline in ((0.2, 7.0), (0.3, 7.0)):  # other limits, another interval
            page = {"listen": "127.0.0.1:0", "live": True, "reply_timeout": deadline + interval}
            keys = {"interval": interval, "samplers": {"deadline": deadline}}
            agent.reload(parse({**keys, "adapters": {"prometheus": page}}, "test"))
            wait_for(lambda: viewer.get("now.json")["version"] == 1, what="an answer")
            assert viewer.get("values.json?points=3000")["times"][0] == before
            pulled(viewer, 5)


def test_passing_samples_are_as_they_were_read() -> None:
    """Counters are totals; only those whose names match."""
    with page_with(shop()) as viewer:
        pulled(viewer)
        answer = viewer.get("passed.json?glob=shop.o*")
        assert len(answer["told"]) == 2
        (sample,) = answer["told"][-1]["samples"]
        assert sample["name"] == "shop.orders"
        assert sample["value"] % 3 == 0
        assert viewer.get(f"passed.json?after={answer['pulls'] + 99}")["told"] == []
