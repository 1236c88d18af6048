"""The launchers themselves, by raw sockets: what goes in comes back, also after a restart."""

from __future__ import annotations

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.support.ports import HOST, hold_ports
from tests.support.process import Server
from tests.support.waiting import wait_for


def send_lines(port: int, text: str) -> None:
    """Send text over TCP, end, and wait for the peer's end."""
    with socket.create_connection((HOST, port), timeout=10) as connection:
        connection.sendall(text.encode())
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""


def send_datagram(port: int, text: str) -> None:
    """Send text as one datagram."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.sendto(text.encode(), (HOST, port))


@pytest.fixture
def exposition():
    """A target that serves `answer 42`, and its host:port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"# TYPE answer gauge\nanswer 42\n"
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer((HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"{HOST}:{server.server_port}"
        server.shutdown()
        thread.join()


def test_carbon_keeps_points_over_a_restart(carbon):
    """A point read back before a restart is on disk after it, beside a later one."""
    now = int(time.time())
    send_lines(carbon.line_port, f"a.b 1.5 {now - 2}\n")
    assert wait_for(lambda: carbon.series("a.b")) == {now - 2: 1.5}
    carbon.restart()
    assert carbon.series("a.b") == {now - 2: 1.5}
    send_lines(carbon.line_port, f"a.b 2 {now - 1}\n")
    wait_for(lambda: len(carbon.series("a.b")) == 2)
    assert carbon.series("a.b") == {now - 2: 1.5, now - 1: 2.0}


def test_carbon_names_every_series_it_stores(carbon):
    """Plain and tagged paths come back by name, a tagged one under any order of its tags."""
    now = int(time.time())
    send_datagram(carbon.udp_port, f"plain.path 1 {now}")
    send_lines(carbon.line_port, f"tagged.path;z=26;a=1.5 2 {now}\n")
    wait_for(lambda: len(carbon.paths()) == 2)
    assert carbon.paths() == ["plain.path", "tagged.path;a=1.5;z=26"]
    for path in ("tagged.path;z=26;a=1.5", "tagged.path;a=1.5;z=26"):
        assert wait_for(lambda path=path: carbon.series(path)) == {now: 2.0}


def test_statsd_records_packets_on_both_sides_of_a_restart(statsd):
    """Sums go on over a restart; gauges are those of the daemon's present life."""
    send_datagram(statsd.port, "hits:3|c\nlevel:7|g")
    wait_for(statsd.packets)
    assert statsd.gauges() == {"level": 7}
    statsd.restart()
    send_datagram(statsd.port, "hits:4|c\nlow:-1.5|g")
    wait_for(lambda: len(statsd.packets()) == 2)
    assert statsd.packets() == ["hits:3|c\nlevel:7|g", "hits:4|c\nlow:-1.5|g"]
    assert statsd.counters_total() == {"hits": 7}
    assert statsd.gauges() == {"low": -1.5}


def test_statsd_counts_what_it_could_not_parse(statsd):
    """What the daemon says of itself: packets, metrics and bad lines."""
    send_lines(statsd.port, "good:1|c\nbad\n")
    wait_for(statsd.packets)
    assert statsd.counters_total() == {"good": 1}
    assert statsd.own_counts() == {
        "packets_received": 1,
        "metrics_received": 2,
        "bad_lines_seen": 1,
    }


def test_statsd_records_what_json_has_no_word_for(statsd):
    """An infinite gauge stays infinite, and large integers stay exact."""
    send_datagram(statsd.port, f"far:Infinity|g\nbig:{2**53 - 1}|c")
    wait_for(statsd.packets)
    assert statsd.gauges() == {"far": float("inf")}
    assert statsd.counters_total() == {"big": 2**53 - 1}


def test_prometheus_answers_from_before_its_restart(prometheus_server, exposition):
    """Samples scraped before a restart are queried after it, and scraping goes on."""
    server = prometheus_server([exposition])
    server.wait_scraped()
    (target,) = server.targets()
    assert (target["health"], target["lastError"]) == ("up", "")
    (before,) = server.query("answer[10m]")
    server.restart()
    (after,) = server.query("answer[10m]")
    assert after["values"][: len(before["values"])] == before["values"]
    server.wait_scraped()
    (result,) = server.query("answer")
    assert result["value"][1] == "42"
    (labels,) = server.series("answer")
    assert labels == {"__name__": "answer", "instance": exposition, "job": "test"}


def test_prometheus_says_why_a_scrape_failed(prometheus_server, monkeypatch):
    """A target that is not there ends the wait with the server's own words."""
    (held,) = hold_ports(1)
    with held:
        server = prometheus_server([f"{HOST}:{held.getsockname()[1]}"])
        wait_for(lambda: server.targets() and server.targets()[0]["health"] == "down", limit=20)
        monkeypatch.setattr("tests.support.waiting.SLACK", 0.0)  # it is in vain for certain
        with pytest.raises(AssertionError, match="connection refused"):
            server.wait_scraped(limit=0.1)


def test_a_server_that_exits_at_start_shows_its_log(tmp_path):
    """The end of the log is in the error, and the ports are free again."""

    class Broken(Server):
        def command(self) -> list[str]:
            return ["/bin/sh", "-c", "echo no such luck; exit 3"]

        def ready(self) -> bool:
            return False

    broken = Broken(tmp_path, ports=1)
    with pytest.raises(AssertionError, match=r"exited with 3(.|\n)*no such luck"), broken:
        pass
    with socket.socket() as again:
        again.bind((HOST, broken.ports[0]))
