"""mod_wsgi with the documented line: Apache's own stamp, files, bodies, and nothing unclosed."""

from __future__ import annotations

import http.client
import json
import shutil
import site
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.ports import HOST, accepts, free_port
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[2]
MODULES = "/usr/lib/apache2/modules"
LIMIT = 30.0
CONFIGURATION = """\
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule wsgi_module {modules}/mod_wsgi.so
ServerRoot {folder}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile {folder}/apache.pid
ErrorLog {folder}/log
WSGISocketPrefix {folder}/run/wsgi
User www-data
Group www-data
WSGIDaemonProcess shop processes=1 threads=4
WSGIProcessGroup shop
WSGIScriptAlias / {folder}/shop.py application-group=%{{GLOBAL}}
<Directory {folder}>
Require all granted
</Directory>
"""
APPLICATION = """\
import json
import sys

sys.path[:0] = {paths}

import sampler
import sampler.web

consumer = sampler.Collector()


def application(environ, start_response):
    if environ["PATH_INFO"] == "/numbers":
        found = {{}}
        for series, value in consumer.collect():
            number = getattr(value, "sum", value)
            found[series.name] = found.get(series.name, 0) + number
            found[series.name + ".count"] = getattr(value, "count", 1)
        body = [json.dumps(found).encode()]
    elif environ["PATH_INFO"] == "/file":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return environ["wsgi.file_wrapper"](open(__file__, "rb"))
    else:
        body = [environ["wsgi.input"].read()]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return body


application = sampler.web.WSGI(application)
"""


def ask(port: int, path: str, body: bytes = b"", **headers: str) -> bytes:
    """Ask Apache once."""
    connection = http.client.HTTPConnection(HOST, port, timeout=LIMIT)
    try:
        connection.request("POST" if body else "GET", path, body or None, headers)
        answer = connection.getresponse()
        assert answer.status == 200, answer.status
        return answer.read()
    finally:
        connection.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that Apache's user can read, which pytest's are not."""
    with tempfile.TemporaryDirectory() as name:
        made = Path(name)
        made.chmod(0o755)
        (made / "run").mkdir()
        yield made


def test_mod_wsgi(request: pytest.FixtureRequest, folder: Path) -> None:
    """Each request is counted, and each wait, whether a proxy has stamped it or not."""
    apache = shutil.which("apache2", path="/usr/sbin:/usr/bin")
    if apache is None or not Path(f"{MODULES}/mod_wsgi.so-3.{sys.version_info[1]}").exists():
        reason = "Apache, or its mod_wsgi for this Python, is missing"
        if request.config.getoption("--require-servers"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    reads = ("setpriv", "--reuid=www-data", "--regid=www-data", "--clear-groups", "test", "-r")
    if subprocess.run([*reads, str(ROOT / "sampler" / "__init__.py")], check=False).returncode:
        pytest.skip("Apache's user cannot read this repository")
    port = free_port()
    paths = [str(ROOT), str(ROOT / "adapters"), *site.getsitepackages()]
    (folder / "shop.py").write_text(APPLICATION.format(paths=paths))
    configuration = CONFIGURATION.format(modules=MODULES, folder=folder, port=port)
    (folder / "apache.conf").write_text(configuration)
    with subprocess.Popen([apache, "-DFOREGROUND", "-f", str(folder / "apache.conf")]) as server:
        try:
            wait_for(lambda: accepts(port), LIMIT, "Apache to listen")
            seen = use(port, folder)
        finally:
            server.terminate()
    requests = 22  # the one that asks is not over
    assert seen["http.server.requests"] == requests, (folder / "log").read_text()
    assert seen["http.server.queue.duration.count"] == requests + 1
    assert 50 <= seen["http.server.queue.duration"] < 10 * LIMIT
    assert seen["http.server.request.body.size"] == 10
    assert seen["http.server.active_requests"] == 1
    assert seen["http.server.thread.cpu.time"] > 0
    for name in ("abandoned_requests", "unclosed_requests", "stamps.refused", "exceptions"):
        assert seen.get(f"http.server.{name}", 0) == 0


def use(port: int, folder: Path) -> dict[str, Any]:
    """Send requests of several sorts; return what the process has counted of them."""
    for _ in range(10):
        assert ask(port, "/") == b""
    for _ in range(10):
        ask(port, "/", **{"X-Request-Start": f"t={(time.time() - 5) * 1e6:.0f}"})
    assert ask(port, "/", b"0123456789") == b"0123456789"
    assert ask(port, "/file") == (folder / "shop.py").read_bytes()
    numbers: dict[str, Any] = json.loads(ask(port, "/numbers"))
    return numbers
