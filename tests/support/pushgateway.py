"""prometheus-pushgateway, as Debian has it."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.error import URLError

from prometheus_client.parser import text_string_to_metric_families

from tests.support.ports import HOST
from tests.support.process import Server

if TYPE_CHECKING:
    from pathlib import Path

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_OWN = ("push_time_seconds", "push_failure_time_seconds")
"""What a gateway adds to each group."""


class Pushgateway(Server):
    """A Pushgateway on loopback; its groups do not outlive it.

    Args:
        directory: where its log lives.
    """

    install: ClassVar[str] = (
        "apt-get install --no-install-recommends prometheus-pushgateway "
        "(or run tests/support/install_servers.sh)"
    )

    def __init__(self, directory: Path) -> None:
        self._program = self.program("prometheus-pushgateway")
        super().__init__(directory, ports=1)
        (self.port,) = self.ports
        self._starts = 0
        self.url = f"http://{HOST}:{self.port}"

    def command(self) -> list[str]:
        """Return the command line of the gateway, which begins with nothing."""
        self._starts += 1
        return [
            self._program,
            f"--web.listen-address={HOST}:{self.port}",
            # Debian's default is one file for all, and an empty name is that default.
            f"--persistence.file={self.directory}/groups-{self._starts}",
        ]

    def ready(self) -> bool:
        """Say whether it answers on /-/ready."""
        try:
            _OPENER.open(f"{self.url}/-/ready", timeout=1).close()
        except (URLError, OSError):
            return False
        return True

    def groups(self) -> list[dict[str, Any]]:
        """Return every group as its API has it: `labels`, and one key per family."""
        return json.loads(self._get("/api/v1/metrics"))["data"]  # type: ignore[no-any-return]

    def samples(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """Return {(name, labels): value} of what was pushed, as a scrape would have it.

        Bounds are spelled as Python spells them: a gateway writes 2 for 2.0.
        """
        return {
            (sample.name, tuple(sorted(_spelled(sample.labels).items()))): sample.value
            for family in text_string_to_metric_families(self._get("/metrics"))
            for sample in family.samples
            if "job" in sample.labels and sample.name not in _OWN
        }

    def put(self, path: str, text: str) -> None:
        """Push by hand."""
        request = urllib.request.Request(f"{self.url}{path}", text.encode(), method="PUT")
        _OPENER.open(request, timeout=10).close()

    def _get(self, path: str) -> str:
        with _OPENER.open(f"{self.url}{path}", timeout=10) as answer:
            text: str = answer.read().decode()
        return text


def _spelled(labels: dict[str, str]) -> dict[str, str]:
    return {key: str(float(text)) if key == "le" else text for key, text in labels.items()}
