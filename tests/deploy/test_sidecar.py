"""A relay beside containers: what runs in namespaces of its own reports by a shared socket."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import urllib.request
from contextlib import suppress

import pytest

from tests.support.command import environment, running
from tests.support.ports import HOST, free_port
from tests.support.waiting import wait_for

WORKER = """
import sys, time
import sampler, sampler.agent
orders = sampler.Instruments("shop").counter("orders", help="Orders placed.")
sampler.agent.start()
orders.inc(3)
time.sleep(600)
"""


def answer(port, path):
    """Return status and text of a path of the page; 0 while nobody answers."""
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    except OSError:
        return 0, ""
    finally:
        connection.close()


def value(port, name):
    """Return a number of the page, or None."""
    with (
        suppress(OSError),
        urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=10) as page,
    ):
        found = re.search(rf"^{re.escape(name)} (\S+)$", page.read().decode(), re.MULTILINE)
        return found and float(found[1])
    return None


@pytest.fixture
def relay(tmp_path):
    """A relay with a socket in a folder, and a page; yields its socket and its port."""
    port = free_port()
    (tmp_path / "relay.toml").write_text(
        f'interval = 0.5\nservice = "shop"\n[relay]\nsocket = "{tmp_path}/relay.sock"\n'
        f'[samplers]\nenable = ["shop"]\n[adapters.prometheus]\nlisten = "{HOST}:{port}"\n'
    )
    with running("relay", "-c", "relay.toml", cwd=tmp_path):
        wait_for(lambda: answer(port, "/-/ready")[0] == 200, 30, "the relay to be ready")
        yield f"{tmp_path}/relay.sock", port


def test_a_relay_answers_probes(relay):
    """Ready once its page could be made, healthy while its threads work; no worker is needed."""
    _, port = relay
    assert answer(port, "/-/ready") == (200, "200 OK\n")
    assert answer(port, "/-/healthy") == (200, "200 OK\n")
    assert value(port, "server_process_current") == 0


@pytest.mark.netns
def test_a_worker_of_another_container_reports(relay):
    """It has its own processes and network; when it is killed, its total stays."""
    address, port = relay
    words = ["unshare", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child"]
    worker = subprocess.Popen(
        [*words, sys.executable, "-c", WORKER],
        env=environment(SAMPLER_RELAY=address),
        stdin=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: value(port, "shop_orders_total") == 3, 30, "its orders")
        assert value(port, "server_process_current") == 1
        os.kill(worker.pid, signal.SIGKILL)  # and so, by --kill-child, what is in the namespace
        wait_for(lambda: value(port, "server_process_current") == 0, 30, "its end to be seen")
        assert value(port, "shop_orders_total") == 3
    finally:
        worker.kill()
        worker.wait()
