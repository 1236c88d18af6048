"""A Prometheus adapter that tests scrape, with its source of snapshots and its ledger."""

from __future__ import annotations

import http.client
import socket
import threading

from sampler.agent import Ledger, Series
from sampler_prometheus import Prometheus
from tests.adapters.shapes import gauge, snapshot
from tests.support.waiting import wait_for


class Source:
    """A collect function that counts, can be held up, and can fail."""

    def __init__(self):
        self.calls = 0
        self.shot = snapshot((gauge("a.b"), 1), (gauge("a.c"), 2))
        self.open = threading.Event()
        self.open.set()
        self.fault = None

    def __call__(self):
        self.calls += 1
        assert self.open.wait(20)
        if self.fault:
            raise self.fault
        return self.shot


class ScrapedPage:
    """An adapter that listens, what it collects, and its ledger."""

    def __init__(self, listen="127.0.0.1:0", **options):
        self.source, self.ledger = Source(), Ledger()
        self.adapter = Prometheus(listen=listen, **options)
        self.adapter.open(self.source, self.ledger)
        host, _, port = self.adapter.address.rpartition(":")
        self.address = (host.strip("[]"), int(port))

    def connect(self):
        return socket.create_connection(self.address, timeout=10)

    def ask(self, request):
        """Send raw bytes; return all that comes back."""
        with self.connect() as client:
            client.sendall(request)
            return b"".join(iter(lambda: client.recv(65536), b""))

    def get(self, path="/metrics", method="GET", **headers):
        connection = http.client.HTTPConnection(*self.address, timeout=10)
        try:
            connection.request(
                method, path, headers={k.replace("_", "-"): v for k, v in headers.items()}
            )
            with connection.getresponse() as response:
                return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def settled(self, entries):
        """Wait until the ledger has counted so many entries."""
        wait_for(lambda: self.ledger.balance().collected >= entries, what=f"{entries} entries")
        balance = self.ledger.balance()
        assert balance.holds
        return balance


def large():
    """More than the kernel takes for a client that does not read."""
    entries = [(Series(f"a.m{i}", {"v": "x" * 1000}), i) for i in range(20_000)]
    return snapshot(*entries)
