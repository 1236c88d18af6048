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

from tests.deploy.tools import DEPLOY, package
from tests.support.command import environment, running
from tests.support.ports import HOST, free_port, free_ports
from tests.support.waiting import wait_for
from tests.wiring.rig import need

WORKER = """
import sys, time
import sampler, sampler.agent
orders = sampler.Instruments("shop").counter("orders", help="Orders placed.")
sampler.agent.start()
orders.inc(3)
time.sleep(600)
"""
APPLICATION = """
import sampler
orders = sampler.Instruments("shop").counter("orders", help="Orders placed.")

def app(environ, start_response):
    orders.inc()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "6")])
    return [b"thanks"]
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


def test_workers_report_with_the_files_of_the_manifest(request, tmp_path):
    """The relay's file and gunicorn's, as they are there but for the addresses."""
    need(request, "gunicorn")
    yaml = package(request, "yaml")
    manifest = yaml.safe_load_all((DEPLOY / "kubernetes/sidecar.yaml").read_text())
    files = next(each["data"] for each in manifest if each["kind"] == "ConfigMap")
    port, page = free_ports(2)
    socket = f"{tmp_path}/relay.sock"
    relay_file = files["relay.toml"].replace("/run/sampler/relay.sock", socket)
    relay_file = relay_file.replace("0.0.0.0:9464", f"{HOST}:{page}").replace("= 10", "= 0.5")
    (tmp_path / "relay.toml").write_text(relay_file)
    (tmp_path / "gunicorn.conf.py").write_text(files["gunicorn.conf.py"])
    (tmp_path / "shop.py").write_text(APPLICATION)
    words = ["--config=gunicorn.conf.py", f"--bind={HOST}:{port}", "shop:app"]
    with running("relay", "-c", "relay.toml", cwd=tmp_path):
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *words],
            cwd=tmp_path,
            env=environment(SAMPLER_RELAY=socket),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(lambda: value(page, "server_process_current") == 4, 30, "four workers")
            for _ in range(8):
                assert answer(port, "/") == (200, "thanks")
            wait_for(lambda: value(page, "shop_orders_total") == 8, 30, "their orders")
            server.terminate()  # as the pod's end does; the relay is ended later
            assert server.wait(30) == 0
            wait_for(lambda: value(page, "server_process_current") == 0, 30, "their end")
            assert value(page, "shop_orders_total") == 8
            assert value(page, 'server_process_exits_total{reason="exit"}') == 4
        finally:
            server.kill()
            server.wait()


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
