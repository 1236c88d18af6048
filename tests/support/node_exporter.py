"""prometheus-node-exporter, as Debian has it, with nothing but its textfile collector."""

from __future__ import annotations

import urllib.request
from typing import TYPE_CHECKING, ClassVar
from urllib.error import URLError

from prometheus_client.parser import text_string_to_metric_families

from tests.support.ports import HOST
from tests.support.process import Server

if TYPE_CHECKING:
    from pathlib import Path

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_OWN = ("node_", "go_", "promhttp_")


class NodeExporter(Server):
    """A node_exporter on loopback.

    Args:
        directory: where its log lives.

    Attributes:
        folder: the folder whose ``.prom`` files it reads at each scrape.
    """

    install: ClassVar[str] = (
        "apt-get install --no-install-recommends prometheus-node-exporter "
        "(or run tests/support/install_servers.sh)"
    )

    def __init__(self, directory: Path) -> None:
        self._program = self.program("prometheus-node-exporter")
        super().__init__(directory, ports=1)
        (self.port,) = self.ports
        self.url = f"http://{HOST}:{self.port}"
        self.folder: Path = directory / "textfiles"
        self.folder.mkdir(exist_ok=True)

    def command(self) -> list[str]:
        """Return the command line."""
        return [
            self._program,
            f"--web.listen-address={HOST}:{self.port}",
            "--collector.disable-defaults",
            "--collector.textfile",
            f"--collector.textfile.directory={self.folder}",
        ]

    def ready(self) -> bool:
        """Say whether it answers."""
        try:
            _OPENER.open(f"{self.url}/", timeout=1).close()
        except (URLError, OSError):
            return False
        return True

    def page(self) -> str:
        """Return its page; raises ``HTTPError`` where a file spoils all of it."""
        with _OPENER.open(f"{self.url}/metrics", timeout=10) as answer:
            text: str = answer.read().decode()
        return text

    def samples(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """Return {(name, labels): value} of what files have, and whether one was bad.

        Empty labels, with which node_exporter makes the series of a family alike, are left out.
        """
        return {
            (
                sample.name,
                tuple(sorted((k, v) for k, v in sample.labels.items() if v)),
            ): sample.value
            for family in text_string_to_metric_families(self.page())
            for sample in family.samples
            if not sample.name.startswith(_OWN) or sample.name == "node_textfile_scrape_error"
        }
