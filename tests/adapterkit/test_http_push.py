"""What adapters that post have in common: compression, and what replies mean."""

from __future__ import annotations

import gzip
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import attrs
import pytest

from sampler.adapterkit.http_options import url_fault
from sampler.adapterkit.http_push import HTTPPush
from sampler.agent import Rejected, Unavailable, option
from tests.support.ports import HOST, free_port


@attrs.define(eq=False)
class Store(HTTPPush):
    """A store."""

    backend = "the store"
    url: str = option("http://127.0.0.1", "Where it is.", check=url_fault)


@contextmanager
def answering(status, **fields):
    """Answer one status to everything; yield the URL and what was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append((self.path, dict(self.headers), body))
            self.send_response(status)
            for name, value in fields.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(b"because\nof it")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer((HOST, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("compress", [False, True])
def test_a_body_arrives_compressed_if_asked_to(compress):
    """With its length, its type, and the fields of the configuration."""
    with answering(204) as (url, asked):
        store = Store(url=f"{url}/prefix", bearer="token", headers={"X-Tenant": "a"})
        reply = store.post("/write?x=1", "text/plain", b"x" * 1000, 5.0, gzip=compress)
    assert reply.status == 204
    ((path, fields, body),) = asked
    assert path == "/prefix/write?x=1"
    assert (gzip.decompress(body) if compress else body) == b"x" * 1000
    assert fields.get("Content-Encoding") == ("gzip" if compress else None)
    assert fields["Content-Type"] == "text/plain"
    assert (fields["Authorization"], fields["X-Tenant"]) == ("Bearer token", "a")


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "rejected"),
        (401, "unauthorized"),
        (403, "unauthorized"),
        (404, "rejected"),
        (413, "too_large"),
        (302, "rejected"),
    ],
)
def test_what_is_refused_for_good_is_rejected(status, reason):
    """With the server's words, in one line."""
    with answering(status) as (url, _), pytest.raises(Rejected) as refused:
        Store(url=url).post("", "text/plain", b"x", 5.0)
    assert refused.value.reason == reason
    assert refused.value.samples is None
    assert str(refused.value).startswith(f"the store at {url} refuses with {status}: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_be_tried_again_is_unavailable(status):
    """After the pause that the server asks for."""
    expected = pytest.raises(Unavailable, match="because of it")
    with answering(status, Retry_After="12") as (url, _), expected as later:
        Store(url=url).post("", "text/plain", b"x", 5.0)
    assert later.value.retry_after == 12


def test_nobody_there_is_unavailable():
    """And said by the backend's name."""
    with pytest.raises(Unavailable, match=r"the store at .*: Connection refused"):
        Store(url=f"http://{HOST}:{free_port()}").post("", "text/plain", b"", 5.0)
