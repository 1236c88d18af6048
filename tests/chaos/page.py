"""A page in a process of its own, and crowds of clients on one thread."""

from __future__ import annotations

import http.client
import json
import resource
import selectors
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress

from sampler.agent import Balance

REQUEST = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Page:
    """What a test knows of the process of ``page_program``."""

    def __init__(self, process):
        self._process = process
        host, _, port = json.loads(process.stdout.readline()).rpartition(":")
        self.address = host, int(port)

    def tell(self, word="how"):
        """Say a word to it; return how it is."""
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self):
        """Close the page; return its balance."""
        return Balance(**self.tell("close")["balance"])

    def scrape(self, timeout=20.0):
        """Scrape as anybody does; return status, number of entries, and seconds."""
        begun = time.monotonic()
        connection = http.client.HTTPConnection(*self.address, timeout=timeout)
        try:
            connection.request("GET", "/metrics")
            with connection.getresponse() as response:
                body = response.read()
        finally:
            connection.close()
        return response.status, entries(body), time.monotonic() - begun


def entries(body):
    """Return how many entries a page has."""
    return sum(line.startswith(b"load_value{") for line in body.splitlines())


@contextmanager
def page(count=3, size=1, seconds=0.0, **keys):
    """Serve a page of so many entries of so many bytes, which take so many seconds to collect."""
    arguments = (str(count), str(size), str(seconds), json.dumps(keys))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.page_program", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Page(process)
    finally:
        process.stdin.close()
        try:
            process.wait(10)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


@contextmanager
def many_descriptors():
    """Let this process have some thousand connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4096 if hard == resource.RLIM_INFINITY else min(4096, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def connect(address, buffer=None):
    """Begin to connect, without waiting."""
    channel = socket.socket()
    channel.setblocking(False)
    if buffer is not None:
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    channel.connect_ex(address)
    return channel


class Slow:
    """A client that begins, goes on a byte at a time, and reads nothing; it comes again."""

    def __init__(self, address, begins, drips=b""):
        self._address = address
        self._begins, self._drips = begins, drips
        self.channel = None
        self.again = 0.0

    def go_on(self):
        """Do the next bit; return whether it is connected."""
        now = time.monotonic()
        try:
            if self.channel is None:
                if now >= self.again:
                    self.channel = connect(self._address, buffer=4096)
                    self.left = self._begins
                return False
            if self.left:
                self.left = self.left[self.channel.send(self.left) :]
            elif self._drips:
                self.channel.send(self._drips)
                if not self.channel.recv(100):
                    raise ConnectionResetError  # sent away
        except BlockingIOError:
            return True
        except OSError:
            self.close()
            self.again = now + 0.5
            return False
        return True

    def close(self):
        """Leave."""
        if self.channel is not None:
            self.channel.close()
            self.channel = None


class Crowd:
    """Slow clients, on a thread of their own, until the block is left."""

    def __init__(self, clients):
        self._clients = clients
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.connected = 0

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
        for client in self._clients:
            client.close()

    def _run(self):
        while not self._over.wait(0.1):
            self.connected = sum(client.go_on() for client in self._clients)


def replies(address, count, limit=60.0):
    """Let so many clients scrape at once; return all that each of them got."""
    got = [bytearray() for _ in range(count)]
    deadline = time.monotonic() + limit
    with selectors.DefaultSelector() as selector:
        for each in got:
            selector.register(connect(address), selectors.EVENT_WRITE, each)
        while selector.get_map():
            assert time.monotonic() < deadline, "clients without an answer"
            for key, events in selector.select(1.0):
                over = False
                if events & selectors.EVENT_WRITE:
                    with suppress(OSError):  # sent away already: the answer lies there
                        key.fileobj.send(REQUEST)
                    selector.modify(key.fileobj, selectors.EVENT_READ, key.data)
                else:
                    try:
                        data = key.fileobj.recv(1 << 16)
                    except OSError:
                        data = b""
                    key.data.extend(data)
                    over = not data
                if over:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
    return [bytes(each) for each in got]
