"""What bridges say, once, and failures of what they read, counted under its own name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler.adapterkit.threads import Lock

if TYPE_CHECKING:
    from collections.abc import Iterator

FAILURES = "bridge.failures"
_DESCRIPTION = {
    "kind": "counter",
    "unit": "{failure}",
    "help": "Failures of what a bridge reads, by bridge and source.",
}
_MOST = 100
"""Sources that are told apart."""
_said: set[tuple[object, ...]] = set()


def first(*what: object) -> bool:
    """Tell whether nobody has asked about this before, so that it is said once."""
    if what in _said or len(_said) >= 10 * _MOST:
        return False
    _said.add(what)
    return True


class Failures:
    """How often the sources of one bridge have failed.

    Args:
        bridge: its name.
    """

    def __init__(self, bridge: str) -> None:
        self._bridge = bridge
        self._counts: dict[str, int] = {}
        self._lock = Lock()

    def count(self, source: str, error: object) -> None:
        """Count a failure, and say the first of a source."""
        with self._lock:
            if source not in self._counts and len(self._counts) >= _MOST:
                source = "others"
            new = source not in self._counts
            self._counts[source] = self._counts.get(source, 0) + 1
        if new and first(self._bridge, source):
            text = f"{type(error).__name__}: {error}" if isinstance(error, Exception) else error
            from sampler.agent import log

            log.warning(
                "bridge %r: %s fails, and only what it tells is missing: %s",
                self._bridge,
                source,
                text,
            )

    def total(self) -> int:
        """Return how many there were."""
        return sum(list(self._counts.values()))

    def samples(self) -> Iterator[tuple[str, int, dict[str, str], dict[str, Any]]]:
        """Yield the counts of those that have failed."""
        for source, count in list(self._counts.items()):
            yield FAILURES, count, {"bridge": self._bridge, "source": source}, _DESCRIPTION
