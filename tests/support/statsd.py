"""The StatsD daemon of npm, with a backend that records every packet and every flush."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, ClassVar

from tests.support.ports import HOST, accepts
from tests.support.process import MissingServerError, Server
from tests.support.waiting import wait_for

_REPOSITORY = Path(__file__).resolve().parents[2]
_RECORDER = Path(__file__).with_name("statsd_recorder.js")
_INTERNAL = ("bad_lines_seen", "packets_received", "metrics_received")


class StatsD(Server):
    """A statsd on loopback; what it records outlives its restarts.

    Packets still in the kernel when it stops are lost: wait for them in `packets` before `stop`.
    On SIGTERM it flushes what it holds. Never reset a TCP connection to it: it would exit.

    Args:
        directory: where its configuration and its record live.
        flush_interval: seconds between flushes.
        delete_gauges: forget gauges that were not sent since the last flush.
    """

    install: ClassVar[str] = (
        "npm install --prefix .servers --omit=optional statsd@0.9.0 "
        "(or run tests/support/install_servers.sh, or set SAMPLER_STATSD_HOME)"
    )

    def __init__(
        self, directory: Path, *, flush_interval: float = 0.2, delete_gauges: bool = False
    ) -> None:
        self._node = self.program("node")
        home = os.environ.get("SAMPLER_STATSD_HOME")
        self._daemon = Path(home or _REPOSITORY / ".servers/node_modules/statsd") / "stats.js"
        if not self._daemon.is_file():
            raise MissingServerError(f"{self._daemon} is absent: {self.install}")
        super().__init__(directory, ports=2)
        self.port, self.management_port = self.ports
        self.socket = directory / "s"
        """A unix stream socket beside the port."""
        self.record = directory / "record.jsonl"
        self.record.touch()
        self._offset = 0
        self._packets: list[str] = []
        self._flushes: list[dict[str, Any]] = []
        self._settled = 0  # how many packets came before the last flush
        self._configuration = directory / "config.js"
        self._configuration.write_text(
            json.dumps(
                {
                    "servers": [
                        {"server": "./servers/udp", "address": HOST, "port": self.port},
                        {"server": "./servers/tcp", "address": HOST, "port": self.port},
                        {"server": "./servers/tcp", "socket": str(self.socket)},
                    ],
                    "mgmt_address": HOST,
                    "mgmt_port": self.management_port,
                    "backends": [str(_RECORDER)],
                    "record": str(self.record),
                    "flushInterval": round(flush_interval * 1000),
                    "deleteGauges": delete_gauges,
                    "automaticConfigReload": False,
                }
            )
        )

    def command(self) -> list[str]:
        """Return the command line of the daemon, whose socket may be made anew."""
        self.socket.unlink(missing_ok=True)  # one that was killed has left it behind
        polyfill = ["--require", str(_RECORDER)]
        return [self._node, *polyfill, str(self._daemon), str(self._configuration)]

    def ready(self) -> bool:
        """Say whether both TCP ports accept; UDP opens before them."""
        return accepts(self.port) and accepts(self.management_port)

    def packets(self) -> list[str]:
        """Return the text of every packet received so far: a datagram, or whole TCP lines."""
        self._read()
        return list(self._packets)

    def flushes(self) -> list[dict[str, Any]]:
        """Return every flush so far: time (epoch seconds), counters, gauges, timers, sets."""
        self._read()
        return list(self._flushes)

    def counters_total(self) -> dict[str, float]:
        """Return the sum of each counter over all flushes, its own `statsd.*` left out.

        Waits for a flush later than the last packet.
        """
        return {name: n for name, n in self._sums().items() if name not in self._own_names()}

    def gauges(self) -> dict[str, float]:
        """Return each gauge as the last flush has it, its own `statsd.timestamp_lag` left out.

        Waits for a flush later than the last packet.
        """
        self._settle()
        last = self._flushes[-1]["gauges"] if self._flushes else {}
        return {
            name: _number(value) for name, value in last.items() if name != "statsd.timestamp_lag"
        }

    def own_counts(self) -> dict[str, float]:
        """Return the daemon's sums of itself: bad_lines_seen, packets_received, metrics_received.

        Waits for a flush later than the last packet.
        """
        sums = self._sums()
        return {name: sums.get(f"statsd.{name}", 0) for name in _INTERNAL}

    def _own_names(self) -> set[str]:
        return {f"statsd.{name}" for name in _INTERNAL}

    def _sums(self) -> dict[str, float]:
        self._settle()
        sums: dict[str, float] = {}
        for flush in self._flushes:
            for name, value in flush["counters"].items():
                sums[name] = sums.get(name, 0) + _number(value)
        return sums

    def _settle(self) -> None:
        packets = len(self.packets())

        def flushed() -> bool:
            self._read()
            return self._settled >= packets

        if self.running:
            wait_for(flushed, what=f"a flush of statsd after its packet {packets}")

    def _read(self) -> None:
        with self.record.open("rb") as record:
            record.seek(self._offset)
            data = record.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            event = json.loads(line)
            if "packet" in event:
                self._packets.append(event["packet"])
            else:
                self._flushes.append(event["flush"])
                self._settled = len(self._packets)


def _number(value: float | str) -> float:
    # The recorder writes infinities as text.
    return float(value) if isinstance(value, str) else value
