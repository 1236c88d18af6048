"""stunnel: TLS in front of a server that has none, as Debian's stunnel4 has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tests.support.ports import HOST, accepts
from tests.support.process import Server

if TYPE_CHECKING:
    from pathlib import Path


class Stunnel(Server):
    """A stunnel on loopback.

    Args:
        directory: where its configuration and log live.
        behind: the port of the server behind it.
        certificate: a PEM file with its certificate.
        key: a PEM file with its private key.
        ask: a PEM file with the authority of the certificates that it asks clients for.
    """

    install: ClassVar[str] = (
        "apt-get install --no-install-recommends stunnel4 "
        "(or run tests/support/install_servers.sh)"
    )

    def __init__(
        self,
        directory: Path,
        behind: int,
        certificate: Path,
        key: Path,
        ask: Path | None = None,
    ) -> None:
        self._program = self.program("stunnel4")
        super().__init__(directory, ports=1)
        (self.port,) = self.ports
        self._configuration = directory / "stunnel.conf"
        verify = f"CAfile = {ask}\nverifyChain = yes\n" if ask else ""
        self._configuration.write_text(
            "foreground = yes\nsyslog = no\ndebug = 5\npid =\n"
            f"[graphite]\naccept = {HOST}:{self.port}\nconnect = {HOST}:{behind}\n"
            f"cert = {certificate}\nkey = {key}\n{verify}"
        )

    def command(self) -> list[str]:
        """Return the command line of stunnel in the foreground."""
        return [self._program, str(self._configuration)]

    def ready(self) -> bool:
        """Say whether its port accepts."""
        return accepts(self.port)
