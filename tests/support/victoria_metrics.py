"""VictoriaMetrics, of Debian's unstable suite: it stores whatever remote write and OTLP bring."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.error import URLError
from urllib.parse import urlencode

from tests.support.ports import HOST
from tests.support.process import Server, unpacked

if TYPE_CHECKING:
    from pathlib import Path

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class VictoriaMetrics(Server):
    """A VictoriaMetrics on loopback.

    Args:
        directory: where its data lives.
        options: more of its command line.
    """

    install: ClassVar[str] = "run tests/support/install_servers.sh"

    def __init__(self, directory: Path, *options: str) -> None:
        self._program = unpacked("victoria-metrics", self.install)
        super().__init__(directory, ports=1)
        (self.port,) = self.ports
        self._options = options
        self.url = f"http://{HOST}:{self.port}"

    def command(self) -> list[str]:
        """Return the command line of the server."""
        return [
            self._program,
            f"-storageDataPath={self.directory}/data",
            f"-httpListenAddr={HOST}:{self.port}",
            "-retentionPeriod=100y",
            "-search.latencyOffset=0s",
            *self._options,
        ]

    def ready(self) -> bool:
        """Say whether it answers on /health."""
        try:
            _OPENER.open(f"{self.url}/health", timeout=1).close()
        except (URLError, OSError):
            return False
        return True

    def exported(self, matcher: str = '{__name__!=""}') -> list[dict[str, Any]]:
        """Return every stored series: `metric`, `values` and `timestamps` in milliseconds."""
        self._get("/internal/force_flush")
        text = self._get(f"/api/v1/export?{urlencode({'match[]': matcher})}")
        return [json.loads(line) for line in text.split("\n") if line]

    def found(self, query: str, at: float) -> list[float]:
        """Return the values that a query has at a moment, in epoch seconds."""
        text = self._get(f"/api/v1/query?{urlencode({'query': query, 'time': f'{at:.3f}'})}")
        return [float(each["value"][1]) for each in json.loads(text)["data"]["result"]]

    def _get(self, path: str) -> str:
        with _OPENER.open(f"{self.url}{path}", timeout=10) as answer:
            text: str = answer.read().decode()
        return text
