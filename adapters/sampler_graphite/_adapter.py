"""What the ``graphite`` adapter is configured with, and what the agent calls."""

from __future__ import annotations

import sys
from socket import SOCK_STREAM
from time import monotonic
from typing import TYPE_CHECKING

import attrs

from sampler.agent import UNCONFIRMED, Unavailable, option
from sampler.agent.paths import template_fault
from sampler.agent.resolve import resolve
from sampler_graphite._lines import Lines
from sampler_graphite._stream import Unanswered, deliver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampler.agent import Batch, Outcome, Since, Snapshot

_RESENDS = 2


@attrs.define(eq=False)
class Graphite:
    """Send every pull to carbon as ``path value time`` lines.

    Each batch has a connection of its own, closed half-way by us; carbon closes the other half
    once it has read everything, and that is what confirms the batch.
    """

    stamped = True
    host: str = option("127.0.0.1", "Where carbon runs: a name or an address.")
    port: int = option(2003, "Its plaintext TCP port.", minimum=1, maximum=65535)
    prefix: str = option(
        "{service}.{host}.{instance}",
        "What every path begins with; {service}, {host}, {instance}, {pid} and {role} are filled "
        "in.",
        check=template_fault,
    )
    tags: bool = option(default=False, help="Write labels as ;key=value tags, not as segments.")
    _lines: Lines = attrs.field(init=False)
    _doubtful: Batch | None = attrs.field(default=None, init=False)
    _resends: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._lines = Lines(self.prefix, tags=self.tags)

    def encode(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        """Yield batches of lines, each at most 512 KiB."""
        del since
        return self._lines.batches(snapshot)

    def send(self, batch: Batch, timeout: float) -> Outcome:
        """Deliver one batch on a connection of its own within ``timeout`` seconds.

        Raises:
            Unavailable: not delivered, or perhaps; the lines carry their time, so a resend is
                harmless.
        """
        deadline = monotonic() + timeout
        addresses = resolve(self.host, self.port, SOCK_STREAM, timeout / 2)
        try:
            outcome = deliver(batch.frames, addresses, deadline)
        except Unanswered as error:
            if self._sent_often_enough(batch):
                return UNCONFIRMED
            raise Unavailable(f"{self._where}: {error}") from None
        except OSError as error:
            raise Unavailable(f"{self._where}: {error.strerror or error}") from None
        self._doubtful = None
        return outcome

    @property
    def _where(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"Graphite at {host}:{self.port}"

    def _sent_often_enough(self, batch: Batch) -> bool:
        """Tell whether to stop resending where the kernel cannot tell what the peer has."""
        if sys.platform == "linux":
            return False
        self._resends = self._resends + 1 if batch is self._doubtful else 0
        self._doubtful = batch
        return self._resends >= _RESENDS
