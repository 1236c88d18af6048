"""carbon-cache, the receiver and store of Graphite, as Debian's graphite-carbon has it."""

from __future__ import annotations

import hashlib
import math
import re
from typing import TYPE_CHECKING, ClassVar

from tests.support.ports import HOST, accepts
from tests.support.process import Server
from tests.support.whisper import read_points

if TYPE_CHECKING:
    from pathlib import Path

# Shipped limits on creates and updates drop or delay points silently: they are lifted here.
_CONFIGURATION = """\
[cache]
USER =
STORAGE_DIR = {directory}
LOCAL_DATA_DIR = {directory}/whisper
CONF_DIR = {directory}/conf
LOG_DIR = {directory}
PID_DIR = {directory}
WHITELISTS_DIR = {directory}
LINE_RECEIVER_INTERFACE = {host}
LINE_RECEIVER_PORT = {line}
ENABLE_UDP_LISTENER = True
UDP_RECEIVER_INTERFACE = {host}
UDP_RECEIVER_PORT = {udp}
PICKLE_RECEIVER_INTERFACE = {host}
PICKLE_RECEIVER_PORT = {pickle}
CACHE_QUERY_INTERFACE = {host}
CACHE_QUERY_PORT = {query}
MAX_CACHE_SIZE = inf
MAX_CREATES_PER_MINUTE = inf
MAX_UPDATES_PER_SECOND = {updates}
CARBON_METRIC_INTERVAL = 0
ENABLE_TAGS = {enable_tags}
GRAPHITE_URL = {tags_at}
LOG_CREATES = True
LOG_UPDATES = False
"""

_SCHEMAS = """\
[all]
pattern = .*
retentions = {retention}
"""

_CREATED = re.compile(r" :: \[creates\] creating database metric (.*) \(archive=")


class Carbon(Server):
    """A carbon-cache on loopback.

    Its writer stores a point about one second after it came, and what it has not yet stored is
    lost when it stops: poll `series` with `wait_for`, and read back before `stop`.

    Args:
        directory: where its configuration, logs and files live.
        retention: whisper's archives, finest first; `series` reads the first
            unless it is told another.
        updates: files that it may write to in a second; what waits is stored together.
        tags_at: URL of the graphite-web that tagged series are announced to; default: none is.
        aggregation: its storage-aggregation.conf; default: carbon's own rules.
    """

    install: ClassVar[str] = (
        "apt-get install --no-install-recommends graphite-carbon "
        "(or run tests/support/install_servers.sh)"
    )

    def __init__(
        self,
        directory: Path,
        *,
        retention: str = "1s:10m,10s:1d",
        updates: float = math.inf,
        tags_at: str = "",
        aggregation: str = "",
    ) -> None:
        self._program = self.program("carbon-cache")
        super().__init__(directory, ports=4)
        self.line_port, self.udp_port, self.pickle_port, self.query_port = self.ports
        for folder in ("conf", "whisper"):
            (directory / folder).mkdir(exist_ok=True)
        self.whisper = directory / "whisper"
        self._configuration = directory / "conf" / "carbon.conf"
        self._configuration.write_text(
            _CONFIGURATION.format(
                directory=directory,
                host=HOST,
                line=self.line_port,
                udp=self.udp_port,
                pickle=self.pickle_port,
                query=self.query_port,
                updates=updates,
                enable_tags=bool(tags_at),
                tags_at=tags_at,
            )
        )
        (directory / "conf" / "storage-schemas.conf").write_text(
            _SCHEMAS.format(retention=retention)
        )
        (directory / "conf" / "storage-aggregation.conf").write_text(aggregation)

    def command(self) -> list[str]:
        """Return the command line of carbon-cache in the foreground."""
        return [
            self._program,
            "--nodaemon",
            f"--config={self._configuration}",
            f"--pidfile={self.directory}/carbon.pid",
            f"--logdir={self.directory}",
            "start",
        ]

    def ready(self) -> bool:
        """Say whether all TCP ports accept; UDP opens with them."""
        return all(accepts(p) for p in (self.line_port, self.pickle_port, self.query_port))

    def series(self, path: str, archive: int = 0) -> dict[int, float]:
        """Return {timestamp: value} on disk for `path`, which may carry ;tags in any order."""
        return read_points(self.file(path), archive)

    def paths(self) -> list[str]:
        """Return the paths of all stored series, sorted; tags are in carbon's order.

        A tagged file's name is a hash: its path comes from the log. A file the log
        does not know appears as its own name, relative to the store.
        """
        stored = set(self.whisper.rglob("*.wsp"))
        created = {path: self.file(path) for path in _CREATED.findall(self.log())}
        known = {path for path, file in created.items() if file in stored}
        unknown = stored - set(created.values())
        return sorted(known | {str(file.relative_to(self.whisper)) for file in unknown})

    def file(self, path: str) -> Path:
        """Return the file in which carbon keeps `path`."""
        if ";" not in path:
            return self.whisper / (path.replace(".", "/") + ".wsp")
        name, *tags = path.split(";")
        normal = ";".join([name, *sorted(tags)])
        digest = hashlib.sha256(normal.encode()).hexdigest()
        return self.whisper / "_tagged" / digest[:3] / digest[3:6] / f"{digest}.wsp"
