"""The ``pushgateway`` adapter on a real gateway: the whole group, the newest only, and its end."""

from __future__ import annotations

import contextlib
import http.server
import math
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings

from sampler import ConfigurationError, Registry
from sampler.agent import DELIVERED, Agent, Batch, HistogramValue, Rejected, Unavailable
from sampler.agent.config.reading import parse
from sampler_prometheus import Pushgateway
from sampler_prometheus._text import TEXT
from tests.adapters.corpus import corpus
from tests.adapters.shapes import (
    IDENTITY,
    block,
    counter,
    gauge,
    histogram,
    snapshot,
    snapshot_of,
    snapshots,
)
from tests.adapters.test_prometheus_openmetrics import page, samples
from tests.adapters.test_real_receivers import hostile
from tests.support.command import environment, sampler
from tests.support.ports import HOST, free_port
from tests.support.waiting import wait_for


def push(adapter, shot):
    """Push a snapshot; return the outcome, or None when there is nothing to push."""
    outcomes = [adapter.send(batch, 10.0) for batch in adapter.encode(shot, {})]
    assert len(outcomes) <= 1
    return outcomes[0] if outcomes else None


def expected(shot, **group):
    """Return what a scrape of the gateway has after a push."""
    found = {}
    page_ = samples(page(shot, TEXT), TEXT)
    histograms = {name.removesuffix("_bucket") for name, _ in page_ if name.endswith("_bucket")}
    for (name, pairs), value in page_.items():
        labels = {k: str(float(text)) if k == "le" else text for k, text in pairs}
        pairs = tuple(sorted({**labels, **group}.items()))
        found[name, pairs] = value
        if name.removesuffix("_count") in histograms:  # a gateway has a sum for each
            found.setdefault((f"{name.removesuffix('_count')}_sum", pairs), 0.0)
    return found


GROUP = {"job": "shop", "instance": "web.example:0"}


@pytest.mark.parametrize("gzip", [False, True])
def test_a_push_is_the_whole_group(pushgateway, gzip):
    """Under the identity's job and instance; the next one replaces all of it."""
    adapter = Pushgateway(url=pushgateway.url, gzip=gzip)
    first = snapshot(
        (gauge("pool.size", "By", "Size.", state="idle"), 4),
        (counter("pool.hits"), 7),
        (histogram("pool.wait", "s"), HistogramValue(3, 2.5, ((0.5, 1), (2.0, 3)))),
    )
    assert push(adapter, first) is DELIVERED
    assert pushgateway.samples() == expected(first, **GROUP)
    (group,) = pushgateway.groups()
    assert group["labels"] == GROUP
    assert group["pool_size_bytes"]["help"] == "Size."
    assert group["pool_hits_total"]["type"] == "COUNTER"
    second = snapshot((gauge("pool.up"), 1))
    push(adapter, second)
    assert pushgateway.samples() == expected(second, **GROUP)


def test_hostile_entries_arrive_one_by_one(pushgateway):
    """With nothing in them that a gateway refuses: that would cost the whole group."""
    shot = snapshot_of(block(*hostile()))
    push(Pushgateway(url=pushgateway.url), shot)
    wanted, found = expected(shot, **GROUP), pushgateway.samples()
    assert found.keys() == wanted.keys()
    assert all(math.isclose(found[key], value, rel_tol=1e-12) for key, value in wanted.items())


def test_ten_thousand_hostile_entries_arrive_in_one_push(pushgateway):
    """However large it is: a second push would replace the first."""
    shot = snapshot_of(block(*corpus(10_000)))
    push(Pushgateway(url=pushgateway.url), shot)
    assert pushgateway.samples().keys() == expected(shot, **GROUP).keys()


def test_any_snapshot_is_taken(pushgateway):
    """Whatever its names, labels and values are."""

    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    @given(snapshots())
    def taken(shot):
        adapter = Pushgateway(url=pushgateway.url)  # whoever came first keeps a name
        batches = list(adapter.encode(shot, {}))
        assert sum(batch.entries for batch in batches) == len(shot)
        for batch in batches:
            assert adapter.send(batch, 10.0) is DELIVERED
        if batches and batches[0].samples:
            assert pushgateway.samples().keys() == expected(shot, **GROUP).keys()

    taken()


@pytest.mark.parametrize(
    ("value", "label"),
    [("a/b", "a/b"), ("a b", "a b"), ("", ""), ("\u00fc", "\u00fc"), ("..", ".."), ("%41", "%41")],
)
def test_any_text_may_be_a_grouping_value(pushgateway, value, label):
    """In base64 where a path needs that; an empty value is no label."""
    adapter = Pushgateway(
        url=pushgateway.url, job="j", instance="i", grouping={"zone": value}, delete_on_stop=True
    )
    push(adapter, snapshot((gauge("a.b"), 1)))
    (group,) = pushgateway.groups()
    assert group["labels"] == {"job": "j", "instance": "i", "zone": label}
    adapter.close()
    wait_for(lambda: pushgateway.groups() == [], what="the group to go")


def test_two_processes_are_two_groups(pushgateway):
    """Neither replaces the other, and each deletes its own."""
    one, two = (Pushgateway(url=pushgateway.url, delete_on_stop=True) for _ in range(2))
    push(one, snapshot((gauge("a.b"), 1)))
    push(two, snapshot((gauge("a.b"), 2), identity={**IDENTITY, "instance": "1"}))
    assert sorted(pushgateway.samples().values()) == [1, 2]
    one.close()
    wait_for(lambda: list(pushgateway.samples().values()) == [2], what="the group to go")


@pytest.mark.parametrize("keys", [{}, {"delete_on_stop": False}])
def test_a_clean_stop_deletes_the_group_only_if_asked_to(pushgateway, keys):
    """What a job has pushed stays; an adapter that pushed nothing deletes nothing."""
    keeps = Pushgateway(url=pushgateway.url, **keys)
    push(keeps, snapshot((gauge("a.b"), 1)))
    keeps.close()
    Pushgateway(url=pushgateway.url, delete_on_stop=True).close()
    assert len(pushgateway.groups()) == 1
    deletes = Pushgateway(url=pushgateway.url, delete_on_stop=True)
    push(deletes, snapshot((gauge("a.b"), 1)))
    deletes.close()
    wait_for(lambda: pushgateway.groups() == [], what="the group to go")


def test_what_a_push_by_post_does_not_report_stays(pushgateway):
    """So a failed run does not erase the time of the last success; a put does."""
    posts = Pushgateway(url=pushgateway.url, job="j", instance="", method="post")
    good = (gauge("backup.last_success", "s"), 5), (gauge("backup.duration", "s"), 12)
    push(posts, snapshot(*good))
    push(posts, snapshot((gauge("backup.duration", "s"), 3)))
    found = {name: value for (name, _), value in pushgateway.samples().items()}
    assert found == {"backup_last_success_seconds": 5, "backup_duration_seconds": 3}
    puts = Pushgateway(url=pushgateway.url, job="j", instance="")
    push(puts, snapshot((gauge("backup.duration", "s"), 4)))
    assert [name for name, _ in pushgateway.samples()] == ["backup_duration_seconds"]


@pytest.mark.parametrize(
    ("keys", "labels"),
    [
        ({"job": True}, {"job": "shop"}),
        ({"job": True, "instance": "i"}, {"job": "shop"}),
        ({"instance": ""}, {"job": "shop"}),
        ({"job": "j-{host}", "instance": ""}, {"job": "j-web.example"}),
        ({"job": True, "grouping": {"zone": "eu"}}, {"job": "shop", "zone": "eu"}),
        ({}, GROUP),
    ],
)
def test_runs_of_a_job_share_one_group(pushgateway, keys, labels):
    """Wherever they run, and whatever their number is; else there is one more for each pod."""
    for host in ("pod-1", "web.example"):
        adapter = Pushgateway(url=pushgateway.url, **keys)
        push(adapter, snapshot((gauge("a.b"), 1), identity={**IDENTITY, "host": host}))
    assert labels in [group["labels"] for group in pushgateway.groups()]
    if "instance" not in labels and "{host}" not in str(keys):
        assert len(pushgateway.groups()) == 1


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("", True),
        ("job = true", False),
        ('instance = ""', False),
        ('method = "post"', False),
        ("delete_on_stop = true", False),
        ("delete_on_stop = false", False),
    ],
)
def test_a_group_that_outlives_its_service_is_said_at_the_start(pushgateway, tmp_path, keys, said):
    """In one line with both remedies, unless the configuration shows that it is known."""
    file = tmp_path / "sampler.toml"
    file.write_text(f'[adapters.pushgateway]\nurl = "{pushgateway.url}"\n{keys}\n')
    done = python("import sampler, sys\nsampler.agent.start(sys.argv[1])", str(file))
    assert done.returncode == 0
    assert done.stderr.count("\n") == said
    assert ("set job = true for a batch job, or delete_on_stop = true" in done.stderr) is said
    assert bool(pushgateway.groups()) is (keys != "delete_on_stop = true")
    checked = sampler("check", "-c", str(file))
    assert ("delete_on_stop" in checked.stderr) is said


def test_a_batch_jobs_numbers_are_there_after_its_end(pushgateway, tmp_path):
    """With three lines of configuration, whether it calls stop() or just ends, or pushes."""
    file = tmp_path / "sampler.toml"
    file.write_text(f'service = "nightly"\n[adapters.pushgateway]\nurl = "{pushgateway.url}"\n')
    begin = "import sampler, sys\nrows = sampler.Instruments('backup').counter('rows')\n"
    for number, text in enumerate(
        (
            "sampler.agent.start(sys.argv[1]); rows.inc(1)",
            "sampler.agent.start(sys.argv[1]); rows.inc(2); sampler.agent.stop()",
            "rows.inc(3); assert sampler.agent.push(sys.argv[1]).complete",
        ),
        1,
    ):
        assert python(begin + text, str(file)).returncode == 0
        found = {name: value for (name, _), value in pushgateway.samples().items()}
        assert found["backup_rows_total"] == number


def python(text, *arguments):
    """Run a program to its end."""
    return subprocess.run(
        [sys.executable, "-c", text, *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_kind_that_another_group_has_otherwise_is_rejected_with_the_reason(pushgateway):
    """The gateway refuses the whole push, which is not an outage."""
    pushgateway.put("/metrics/job/other", "# TYPE a_b counter\na_b 1\n")
    with pytest.raises(Rejected, match=r"refuses with 400: .*a_b") as caught:
        push(Pushgateway(url=pushgateway.url), snapshot((gauge("a.b"), 1)))
    assert caught.value.reason == "rejected"  # a label of the agent's own counter


def test_an_agent_survives_an_outage_and_pushes_the_newest_only(pushgateway):
    """The law holds, and what the gateway has at the end is what was last collected."""
    reads = []

    def sample():
        reads.append(1)
        yield "reads", len(reads)

    registry = Registry()
    registry.register({"name": "job", "sample": sample})
    adapters = {"pushgateway": {"url": pushgateway.url, "delete_on_stop": False}}
    agent = Agent(
        parse({"interval": 0.2, "samplers": {"enable": ["job"]}, "adapters": adapters}), registry
    )
    agent.start()
    wait_for(pushgateway.groups, what="the first push")
    pushgateway.stop()
    wait_for(agent.troubles, what="the outage to be noticed")
    begun = len(reads)
    wait_for(lambda: len(reads) > begun + 5, what="five pulls without a gateway")
    pushgateway.start()
    wait_for(pushgateway.groups, limit=20, what="a push after the outage")
    agent.stop()
    balance = agent.balances()["pushgateway"]
    assert balance.holds
    assert balance.queued == balance.unconfirmed == 0
    assert balance.dropped["superseded"] > 0
    found = {name: value for (name, _), value in pushgateway.samples().items()}
    assert found["job_reads"] == len(reads)


def test_what_is_pushed_once_stays(pushgateway):
    """A job that ends after one pull means its numbers to be scraped later."""
    registry = Registry()
    registry.register({"name": "job", "sample": lambda: [("rows", 7)]})
    adapters = {"pushgateway": {"url": pushgateway.url}}
    Agent(parse({"samplers": {"enable": ["job"]}, "adapters": adapters}), registry).once()
    assert {name: n for (name, _), n in pushgateway.samples().items()}["job_rows"] == 7


def test_nothing_is_deleted_that_was_never_pushed(caplog):
    """A gateway that refuses connections has no group of ours."""
    adapter = Pushgateway(url=f"http://{HOST}:{free_port()}", delete_on_stop=True)
    with pytest.raises(Unavailable):
        push(adapter, snapshot((gauge("a.b"), 1)))
    adapter.close()
    assert not caplog.records


def test_check_asks_without_pushing(pushgateway):
    """A batch without entries is a question."""
    adapter = Pushgateway(url=pushgateway.url)
    assert adapter.send(Batch((), 0), 5.0) is DELIVERED
    assert pushgateway.groups() == []
    pushgateway.stop()
    with pytest.raises(Unavailable, match="refused"):
        adapter.send(Batch((), 0), 5.0)


def test_losses_are_what_the_gateway_does_not_have(pushgateway):
    """Large integers are rounded, no time is told, a sum that is not known reads 0.

    A unit is a word of the name, if there is one; bounds are those that all processes share.
    """
    adapter = Pushgateway(url=pushgateway.url)
    push(adapter, snapshot((gauge("a.b", "parsec"), 7)))
    assert [name for name, _ in pushgateway.samples()] == ["a_b"]
    value = HistogramValue(3, 3.0, ((2.0**0.5, 0), (2.0, 3)), 1)
    push(adapter, snapshot((histogram("a.wait"), value)))
    bounds = {dict(labels)["le"] for name, labels in pushgateway.samples() if "bucket" in name}
    assert str(2.0**0.5) not in bounds
    push(adapter, snapshot((histogram("a.wait"), HistogramValue(3, None, ((1.0, 3),)))))
    assert pushgateway.samples()["a_wait_sum", tuple(sorted(GROUP.items()))] == 0
    push(adapter, snapshot((gauge("a.b"), 2**53 + 1)))
    assert list(pushgateway.samples().values()) == [float(2**53)]
    (group,) = pushgateway.groups()
    assert "timestamp" not in str(group["a_b"]["metrics"])
    assert set(Pushgateway.unsupported) == {"unit", "precision", "timestamps", "histograms"}


@contextmanager
def answering(status, *, retry_after=None, delay=None):
    """Stand in for a gateway that answers one status to everything."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def handle_request(self):
            if delay is not None:
                delay.wait(20)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append((self.command, dict(self.headers)))
            self.send_response(status)
            if retry_after is not None:
                self.send_header("Retry-After", retry_after)
            self.end_headers()
            self.wfile.write(b"because\nof it")

        do_GET = do_PUT = do_DELETE = handle_request

        def log_message(self, *_):
            pass

    asked = []
    server = http.server.ThreadingHTTPServer((HOST, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}/prefix", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (429, Unavailable, "answers 429: because of it"),
        (503, Unavailable, "answers 503"),
        (408, Unavailable, "answers 408"),
        (400, Rejected, "refuses with 400: because of it"),
        (413, Rejected, "refuses with 413"),
        (404, Rejected, "refuses with 404"),
        (307, Rejected, "set url to the address that it redirects to"),
        (401, Rejected, "set username and password"),
    ],
)
def test_each_status_has_its_meaning(status, error, said):
    """Later, or never; redirects and credentials have their remedy."""
    with answering(status) as (url, _), pytest.raises(error, match=said):
        push(Pushgateway(url=url), snapshot((gauge("a.b"), 1)))


def test_retry_after_is_honoured():
    """In seconds; a date is not waited for."""
    for text, seconds in (("17", 17.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None)):
        with answering(503, retry_after=text) as (url, _), pytest.raises(Unavailable) as caught:
            push(Pushgateway(url=url), snapshot((gauge("a.b"), 1)))
        assert caught.value.retry_after == seconds


def test_no_answer_in_time_is_unavailable():
    """At the limit, not later."""
    delay = threading.Event()
    with answering(200, delay=delay) as (url, _):
        adapter = Pushgateway(url=url)
        (batch,) = adapter.encode(snapshot((gauge("a.b"), 1)), {})
        with pytest.raises(Unavailable, match="timed out"):
            adapter.send(batch, 0.2)
        delay.set()


def test_a_reply_that_drips_in_has_an_end():
    """A byte now and then keeps no sender for longer than its limit."""
    over = threading.Event()
    with socket.create_server((HOST, 0)) as listener:

        def drip():
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                while not over.wait(0.05):
                    connection.sendall(b"A: b\r\n")

        thread = threading.Thread(target=drip)
        thread.start()
        adapter = Pushgateway(url=f"http://{HOST}:{listener.getsockname()[1]}")
        (batch,) = adapter.encode(snapshot((gauge("a.b"), 1)), {})
        begun = time.monotonic()
        with pytest.raises(Unavailable):
            adapter.send(batch, 0.5)
        assert time.monotonic() - begun < 3.0
        over.set()
        thread.join(10)


def test_credentials_are_sent_and_never_shown():
    """By a proxy of the environment neither."""
    with answering(401) as (url, asked):
        adapter = Pushgateway(url=url, username="me", password="hunter2")
        with pytest.raises(Rejected) as caught:
            push(adapter, snapshot((gauge("a.b"), 1)))
        ((method, headers),) = asked
    assert (method, headers["Authorization"]) == ("PUT", "Basic bWU6aHVudGVyMg==")
    assert "hunter2" not in str(caught.value) + repr(adapter)


def test_a_gateway_that_is_away_at_stop_is_one_line_in_the_log(caplog):
    """The group stays; nothing is raised."""
    with answering(200) as (url, _):
        adapter = Pushgateway(url=url, delete_on_stop=True)
        push(adapter, snapshot((gauge("a.b"), 1)))
    adapter.close()
    assert "stays in the gateway" in caplog.text


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"url": "127.0.0.1:9091"}, "url: expected a URL"),
        ({"url": "ftp://x"}, "url: expected a URL"),
        ({"url": "http://"}, "url: expected a URL"),
        ({"url": "http://h:99999"}, "url: expected a URL"),
        ({"url": "http://me:pw@h"}, "username and password"),
        ({"url": "http://h?x=1"}, "without"),
        ({"job": ""}, "must not be empty"),
        ({"job": False}, "job: expected a string or true, got False"),
        ({"job": 1}, "job: expected a string or true, got 1"),
        ({"method": "PUT"}, "method: expected one of 'put', 'post'"),
        ({"delete_on_stop": "no"}, "delete_on_stop: expected true or false"),
        ({"job": "{nobody}"}, "unknown placeholder {nobody}"),
        ({"grouping": {"job": "x"}}, "'job' cannot be a grouping label"),
        ({"grouping": {"a-b": "x"}}, "'a-b' cannot be a label"),
        ({"grouping": {"zone": "{x}"}}, "unknown placeholder"),
        ({"username": "me"}, "go together"),
        ({"password": 7}, "expected a string"),
    ],
)
def test_a_bad_key_says_what_is_wrong(keys, said):
    """And a password never."""
    with pytest.raises(ConfigurationError) as caught:
        parse({"adapters": {"pushgateway": keys}})
    assert said in str(caught.value)
    assert "pw" not in str(caught.value)


def test_a_refused_connection_is_unavailable():
    """With the address and the reason."""
    adapter = Pushgateway(url=f"http://{HOST}:{free_port()}")
    with pytest.raises(Unavailable, match=r"Pushgateway at http://127\.0\.0\.1:\d+: .*refused"):
        push(adapter, snapshot((gauge("a.b"), 1)))
    adapter.close()
