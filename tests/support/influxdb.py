"""InfluxDB 1.6, as Debian has it: the judge of its line protocol."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.error import URLError
from urllib.parse import urlencode

from tests.support.ports import HOST
from tests.support.process import Server

if TYPE_CHECKING:
    from pathlib import Path

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
DATABASE = "test"
_CONFIGURATION = """
reporting-enabled = false
bind-address = "{host}:{rpc}"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
[http]
bind-address = "{host}:{http}"
log-enabled = false
[[udp]]
enabled = true
bind-address = "{host}:{udp}"
database = "{database}"
batch-timeout = "50ms"
[continuous_queries]
enabled = false
"""


class InfluxDB(Server):
    """An InfluxDB on loopback, with a database and a UDP service.

    Args:
        directory: where its data lives.
    """

    install: ClassVar[str] = (
        "apt-get install --no-install-recommends influxdb "
        "(or run tests/support/install_servers.sh)"
    )

    def __init__(self, directory: Path) -> None:
        self._program = self.program("influxd")
        super().__init__(directory, ports=3)
        self.http_port, self.udp_port, rpc = self.ports
        self.url = f"http://{HOST}:{self.http_port}"
        self._configuration = directory / "influxdb.conf"
        self._configuration.write_text(
            _CONFIGURATION.format(
                host=HOST,
                folder=directory,
                http=self.http_port,
                udp=self.udp_port,
                rpc=rpc,
                database=DATABASE,
            )
        )

    def command(self) -> list[str]:
        """Return the command line of the server."""
        return [self._program, "-config", str(self._configuration)]

    def ready(self) -> bool:
        """Say whether it answers, and make its database."""
        try:
            _OPENER.open(f"{self.url}/ping", timeout=1).close()
            self.query(f"CREATE DATABASE {DATABASE}", method="POST")
        except (URLError, OSError):
            return False
        return True

    def points(self, measurement: str = "/.*/") -> list[dict[str, Any]]:
        """Return what is stored: `name`, `tags`, and `fields` with `time` in nanoseconds."""
        found = self.query(f"SELECT * FROM {measurement} GROUP BY *")
        return [
            {
                "name": series["name"],
                "tags": {k: v for k, v in (series.get("tags") or {}).items() if v},
                "fields": {
                    k: v for k, v in zip(series["columns"], row, strict=True) if v is not None
                },
            }
            for result in found["results"]
            for series in result.get("series", ())
            for row in series["values"]
        ]

    def query(self, text: str, method: str = "GET") -> Any:
        """Run a query."""
        query = urlencode({"db": DATABASE, "q": text, "epoch": "ns"})
        request = urllib.request.Request(f"{self.url}/query?{query}", method=method)
        with _OPENER.open(request, timeout=10) as answer:
            return json.load(answer)
