"""The web application's figures and advice, from what the middleware really publishes."""

from __future__ import annotations

import time
from itertools import pairwise

from sampler import Collector, Registry, Series
from sampler.advise import read_page
from sampler.cli.scrapes import as_advise_reads
from sampler.page.advice import MOST, SPACING, Advice, _of_the_same_processes, _scrape
from sampler.page.web import web_of
from sampler.samplers import process, system
from sampler.web import WSGI
from sampler_prometheus._negotiate import content_type
from sampler_prometheus._text import TextRenderer
from tests.page.pulls import BEGAN, Clock, snapshot
from tests.web.rig import ask

HTTP = Series("http.server.busy.time", {}, "counter", "s")


def application(environ, start_response):
    """Answer; one path in error."""
    bad = environ["PATH_INFO"] == "/bad"
    start_response("500 Oh" if bad else "200 OK", [])
    return [b"hello"]


def busy(requests: int, errors: int = 0):
    """Yield a clock, and a function that serves requests and pulls."""
    registry, clock = Registry(), Clock(time.time())
    served = WSGI(application, registry=registry)
    for each in (process, system):
        registry.register(each.SAMPLER)
    collector = Collector(registry, interval=10.0, clock=clock)

    def pull():
        for _ in range(requests):
            ask(served)
        for _ in range(errors):
            ask(served, path="/bad")
        clock.now += 10.0
        return collector.collect()

    return collector, pull


def test_rates_are_between_the_last_two_pulls() -> None:
    """And quantiles of the requests in between."""
    collector, pull = busy(20, errors=5)
    with collector:
        before, last = pull(), pull()
    found = web_of(last, before)
    assert found["requests_per_second"] == 2.5
    assert found["errors_per_second"] == 0.5
    assert found["active"] == 0
    risen = sum(
        value * sign
        for sign, each in ((1, last), (-1, before))
        for series, value in each
        if series.name == HTTP.name
    )
    assert found["busy"] == float(f"{risen / 10:.6g}") > 0
    assert 0 < found["duration"]["p50"] <= found["duration"]["p99"] < 10
    assert found["queue_time"] == {"p50": None, "p95": None}


def test_without_a_second_pull_rates_are_not_known() -> None:
    """And without an application there is nothing."""
    collector, pull = busy(3)
    with collector:
        last = pull()
    found = web_of(last, None)
    assert (found["requests_per_second"], found["busy"]) == (None, None)
    assert web_of(None, None) is None
    with Collector(Registry(), interval=10.0) as other:
        assert web_of(other.collect(), None) is None


def test_advice_reads_what_it_would_read_of_the_page() -> None:
    """The same names, labels and values."""
    collector, pull = busy(10, errors=2)
    with collector:
        pull()
        snapshot = pull()
    advice = Advice()
    advice.note(snapshot)
    ((moment, entries),) = advice._kept
    kind = content_type("text/plain;version=0.0.4")
    page = b"".join(TextRenderer().render(snapshot, kind).parts).decode()
    wanted = read_page(as_advise_reads(page), at=moment, time=moment).values
    found = _scrape(moment, entries).values
    assert wanted.keys() == found.keys()
    assert {name: as_sets(each) for name, each in wanted.items()} == {
        name: as_sets(each) for name, each in found.items()
    }


def test_what_was_pulled_before_an_application_was_there_spoils_no_advice() -> None:
    """A relay pulls at once, and its workers report later."""
    collector, pull = busy(100)
    advice, other = Advice(), Advice()
    earlier = Clock(time.time())
    earlier.now -= 60.0
    with collector, Collector(Registry(), interval=10.0, clock=earlier) as empty:
        advice.note(empty.collect())
        for snapshot in (pull(), pull()):
            advice.note(snapshot)
            other.note(snapshot)
    assert list(advice._kept) == list(other._kept)
    assert len(advice._kept) == 2


def test_advice_is_of_a_time_in_which_the_processes_are_the_same() -> None:
    """What one of two has counted before the other came is no load of both."""
    count = (Series("server.process.count", {}),)
    advice = Advice()
    for pull, processes in enumerate((1, 1, 2, 2, 2)):
        told = snapshot(BEGAN + pull * 10, (count, [processes]), ((HTTP,), [pull]))
        advice.note(told)
    window = _of_the_same_processes(advice._kept)
    assert [moment - BEGAN for moment, _ in window] == [20, 30, 40]


def as_sets(series):
    """Return labels and values, whatever their order."""
    return {(tuple(sorted(labels.items())), value) for labels, value in series}


def test_advice_is_given_of_minutes_and_costs_nothing_without_a_viewer() -> None:
    """Snapshots that come soon after another are passed over, and there are never many."""
    collector, pull = busy(100)
    advice = Advice()
    with collector:
        for _ in range(MOST + 5):
            advice.note(pull())
            advice.note(collector.collect())
    assert len(advice._kept) == MOST
    moments = [moment for moment, _ in advice._kept]
    assert all(b - a >= SPACING for a, b in pairwise(moments))
    said, _ = advice.statements()
    assert all(each.keys() == {"cause", "confidence", "says"} for each in said)
    assert advice.statements()[0] is said  # it is asked once for each pull
