"""An agent in programs of gevent and eventlet, which replace threads, sockets and locks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sampler.agent import Balance
from tests.chaos.ledger import check
from tests.support.certificates import issue, trust
from tests.support.command import environment
from tests.support.doubles import LineSink
from tests.support.pushgateway import Pushgateway
from tests.support.unique import service
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from tests.support.carbon import Carbon
    from tests.support.statsd import StatsD

ROOT = Path(__file__).parents[2]
PULLS = 10
ORDERS = [
    (library, order)
    for library in ("gevent", "eventlet")
    for order in ("before", "between", "late")
]
THEIRS = ("RLock(s) were not greened", "before importing any other modules")
"""What eventlet says itself when it comes late."""


def told(
    folder: Path, adapters: str, library: str, order: str, **variables: str
) -> dict[str, Any]:
    """Run the program; return what it says, and insist that nothing was complained of."""
    file = folder / "sampler.toml"
    file.write_text(f"""
        interval = 0.1
        service = "{service(folder)}"
        host = "h"
        instance = "0"
        flush_timeout = 20
        [samplers]
        enable = ["shop", "shop.times"]
        deadline = 20
        {adapters}
    """)
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("greenlets.py"), file, library, order],
        env=environment(PYTHONPATH=str(ROOT), **variables),
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if not any(w in line for w in THEIRS)]
    assert said == [], done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    assert answer["pulls"] >= PULLS, "it ticked while greenlets computed"
    for balance in answer["balances"].values():
        assert Balance(**balance).holds
        lost = {reason for reason, n in balance["dropped"].items() if n}
        assert balance["queued"] == 0
        assert lost <= {"superseded"}, "by a newer one, where only the newest is wanted"
    return answer


@pytest.mark.scenario(59)
@pytest.mark.parametrize(("library", "order"), ORDERS)
def test_an_agent_ticks_while_a_greenlet_computes(
    tmp_path: Path, library: str, order: str
) -> None:
    """Its threads, locks and sockets are the operating system's, whenever patching happens."""
    certificate, key = issue(tmp_path, "127.0.0.1")
    with LineSink() as sink:
        adapters = f"""
            [adapters.graphite]
            port = {sink.port}
            host = "localhost"
            [adapters.prometheus]
            listen = "127.0.0.1:0"
            tls_cert = "{certificate}"
            tls_key = "{key}"
        """
        said = told(tmp_path, adapters, library, order, SSL_CERT_FILE=str(trust(tmp_path)))
        values = [float(line.split()[1]) for line in sink.lines if b".shop.orders " in line]
        check(Balance(**said["balances"]["graphite"]), len(sink.lines))
    assert said["seen"], "the page answers, too, by TLS"
    assert values[-1] == said["total"]
    assert said["balances"]["graphite"]["unconfirmed"] == 0


@pytest.mark.server
@pytest.mark.scenario(59)
@pytest.mark.parametrize(("library", "order"), ORDERS)
def test_real_servers_get_every_number(
    tmp_path: Path, carbon: Carbon, statsd: StatsD, launch: Any, library: str, order: str
) -> None:
    """Carbon, statsd and a gateway have what was counted; names are looked up, too."""
    gateway: Pushgateway = launch(Pushgateway)
    adapters = f"""
        [adapters.graphite]
        port = {carbon.line_port}
        host = "localhost"
        [adapters.statsd]
        port = {statsd.port}
        host = "localhost"
        [adapters.stream]
        type = "statsd"
        transport = "unix"
        path = "{statsd.socket}"
        prefix = "stream"
        [adapters.pushgateway]
        url = "http://localhost:{gateway.port}"
        delete_on_stop = false
    """
    said = told(tmp_path, adapters, library, order)
    total, path = said["total"], f"{service(tmp_path)}.h.0.shop.orders"

    def stored() -> bool:
        file = carbon.file(path)
        return file.exists() and total in carbon.series(path).values()

    wait_for(stored, what="carbon to store the last value")
    counters = statsd.counters_total()
    assert counters[path] == counters["stream.shop.orders"] == total
    (pushed,) = [n for (name, _), n in gateway.samples().items() if name == "shop_orders_total"]
    assert pushed == total
