"""Relays in front of carbon-caches: carbon's own, and carbon-c-relay."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tests.support.ports import HOST, accepts
from tests.support.process import Server

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.support.carbon import Carbon

_CONFIGURATION = """\
[cache]
[relay]
USER =
STORAGE_DIR = {directory}
CONF_DIR = {directory}/conf
LOG_DIR = {directory}
PID_DIR = {directory}
LINE_RECEIVER_INTERFACE = {host}
LINE_RECEIVER_PORT = {line}
PICKLE_RECEIVER_INTERFACE = {host}
PICKLE_RECEIVER_PORT = {pickle}
RELAY_METHOD = consistent-hashing
REPLICATION_FACTOR = 1
DESTINATIONS = {destinations}
MAX_QUEUE_SIZE = 100000
CARBON_METRIC_INTERVAL = 0
TIME_TO_DEFER_SENDING = 0.01
"""


class CarbonRelay(Server):
    """A carbon-relay that spreads series over carbon-caches by consistent hashing.

    Args:
        directory: where its configuration and logs live.
        caches: where it sends.
    """

    install: ClassVar[str] = (
        "apt-get install --no-install-recommends graphite-carbon "
        "(or run tests/support/install_servers.sh)"
    )

    def __init__(self, directory: Path, caches: Sequence[Carbon]) -> None:
        self._program = self.program("carbon-relay")
        super().__init__(directory, ports=2)
        self.line_port, self.pickle_port = self.ports
        (directory / "conf").mkdir(exist_ok=True)
        (directory / "conf" / "storage-schemas.conf").write_text("[all]\npattern = .*\n")
        names = "abcdefgh"
        destinations = ", ".join(
            f"{HOST}:{cache.pickle_port}:{name}"
            for cache, name in zip(caches, names, strict=False)
        )
        self._configuration = directory / "conf" / "carbon.conf"
        self._configuration.write_text(
            _CONFIGURATION.format(
                directory=directory,
                host=HOST,
                line=self.line_port,
                pickle=self.pickle_port,
                destinations=destinations,
            )
        )

    def command(self) -> list[str]:
        """Return the command line of carbon-relay in the foreground."""
        return [
            self._program,
            "--nodaemon",
            f"--config={self._configuration}",
            f"--pidfile={self.directory}/relay.pid",
            f"--logdir={self.directory}",
            "start",
        ]

    def ready(self) -> bool:
        """Say whether both ports accept."""
        return accepts(self.line_port) and accepts(self.pickle_port)


class CarbonCRelay(Server):
    """A carbon-c-relay that spreads series over carbon-caches by carbon's own hash.

    Args:
        directory: where its configuration and log live.
        caches: where it sends.
        allowed: further characters that it lets stand in names: by default it writes ``_``.
    """

    install: ClassVar[str] = (
        "apt-get install --no-install-recommends carbon-c-relay "
        "(or run tests/support/install_servers.sh)"
    )

    def __init__(self, directory: Path, caches: Sequence[Carbon], *, allowed: str = "") -> None:
        self._program = self.program("carbon-c-relay")
        super().__init__(directory, ports=1)
        (self.line_port,) = self.ports
        self._allowed = allowed
        lines = "\n".join(f"    {HOST}:{cache.line_port}=c{n}" for n, cache in enumerate(caches))
        self._configuration = directory / "relay.conf"
        self._configuration.write_text(
            f"listen type linemode {HOST}:{self.line_port} proto tcp;\n"
            f"cluster ring carbon_ch replication 1\n{lines}\n    ;\n"
            "match * send to ring stop;\n"
        )

    def command(self) -> list[str]:
        """Return the command line of carbon-c-relay in the foreground."""
        allowed = ["-c", f"-_:#{self._allowed}"] if self._allowed else []
        return [self._program, "-f", str(self._configuration), "-b", "500", *allowed]

    def ready(self) -> bool:
        """Say whether its port accepts."""
        return accepts(self.line_port)


class CarbonCRelayTLS(Server):
    """A carbon-c-relay that takes lines over TLS, and sends them to one receiver.

    Args:
        directory: where its configuration and log live.
        behind: the receiver's port.
        certificate: a PEM file with its certificate.
        key: a PEM file with its private key.
    """

    install: ClassVar[str] = CarbonCRelay.install

    def __init__(self, directory: Path, behind: int, certificate: Path, key: Path) -> None:
        self._program = self.program("carbon-c-relay")
        super().__init__(directory, ports=1)
        (self.port,) = self.ports
        both = directory / "both.pem"
        both.touch(0o600)
        both.write_bytes(certificate.read_bytes() + key.read_bytes())
        self._configuration = directory / "relay.conf"
        self._configuration.write_text(
            f"listen type linemode transport plain ssl {both} {HOST}:{self.port} proto tcp;\n"
            f"cluster c forward {HOST}:{behind};\nmatch * send to c stop;\n"
        )

    def command(self) -> list[str]:
        """Return the command line of carbon-c-relay in the foreground."""
        return [self._program, "-f", str(self._configuration)]

    def ready(self) -> bool:
        """Say whether its port accepts."""
        return accepts(self.port)
