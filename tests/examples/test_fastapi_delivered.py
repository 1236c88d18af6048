"""The application of the page on FastAPI, to Prometheus and StatsD, ended amid its traffic."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.examples.pages import ROOT, blocks
from tests.examples.walk import FILE
from tests.support.command import environment
from tests.support.ports import HOST, hold_ports
from tests.support.servers import Prometheus, StatsD
from tests.support.unique import service
from tests.support.waiting import wait_for
from tests.wiring.rig import need

LIMIT = 30.0
CLIENTS = 3


def files(page: str) -> dict[str, str]:
    """Return the files of a page, by name."""
    found = [text for _, text in blocks(ROOT / f"docs/{page}.md")]
    return {name[1]: text for text in found if (name := FILE.match(text))}


class Clients:
    """Who buys tea until it is told to stop, and counts the answers.

    Args:
        port: of the shop.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._ended = threading.Event()
        self._thanks: list[bytes] = []
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]
        for each in self._threads:
            each.start()

    def thanked(self) -> int:
        """Return how often they were answered until now."""
        return len(self._thanks)

    def stop(self) -> int:
        """Return how often they were answered in all."""
        self._ended.set()
        for each in self._threads:
            each.join(LIMIT)
        return self.thanked()

    def _ask(self) -> None:
        while not self._ended.wait(0.005):
            connection = http.client.HTTPConnection(HOST, self._port, timeout=LIMIT)
            try:
                connection.request("GET", "/buy/tea", headers={"Connection": "close"})
                answer = connection.getresponse()
                if answer.status == 200:
                    self._thanks.append(answer.read())
            except (OSError, http.client.HTTPException):
                pass  # it is not up yet, or ends
            finally:
                connection.close()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="`sampler run -- ` is for Linux")
def test_two_workers_of_uvicorn_that_end_amid_traffic_lose_nothing(launch, request, tmp_path):
    """Prometheus has what clients count while it runs, StatsD also what came after a scrape."""
    for package in ("fastapi", "uvicorn", "statsd"):
        need(request, package)
    held = hold_ports(2)
    port, page = (each.getsockname()[1] for each in held)
    store, daemon = launch(Prometheus, [f"{HOST}:{page}"]), launch(StatsD)
    shop = files("applications/fastapi")
    own = shop["sampler.toml"].replace(":9464", f":{page}")
    own = own.replace('"shop"', f'"{service(tmp_path)}"')
    table = files("operators/adapters")["statsd.toml"].partition("[adapters.statsd]")
    pushed = "".join(table[1:]).replace("8125", str(daemon.port))
    (tmp_path / "app.py").write_text(shop["app.py"])
    (tmp_path / "sampler.toml").write_text(own + pushed)
    served = ["uvicorn", "--workers", "2", "--port", str(port), "app:app"]
    clients = None
    with (tmp_path / "said.log").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "sampler", "run", "--", *served],
            cwd=tmp_path,
            env=environment(PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}"),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    try:
        clients = Clients(port)
        wait_for(lambda: clients.thanked() > 50, LIMIT, "answers")
        first = clients.stop()

        def scraped() -> list[float]:
            found = store.query('shop_orders_total{route="buy"}')
            return [float(each["value"][1]) for each in found]

        wait_for(lambda: scraped() == [first], LIMIT, f"{first} orders in Prometheus")
        clients = Clients(port)
        wait_for(lambda: clients.thanked() > 50, LIMIT, "more answers")
        process.send_signal(signal.SIGTERM)
        process.wait(LIMIT)
        counted = first + clients.stop()
    finally:
        if clients is not None:
            clients.stop()
        process.terminate()  # passed on; one that has ended is left alone
        process.wait(LIMIT)
        for each in held:
            each.close()

    def added() -> float:
        sums = daemon.counters_total()
        return sum(value for name, value in sums.items() if ".shop.orders." in name)

    wait_for(lambda: added() >= counted, LIMIT, f"{counted} orders in StatsD")
    assert added() == counted, (tmp_path / "said.log").read_text()
