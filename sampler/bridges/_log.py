"""What bridges say, once, and failures of what they read, counted under its own name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler.bridges._locked import Locked

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


def text_of(error: object) -> str:
    """Return an error, or a text, as text; never raises."""
    try:
        return (
            f"{type(error).__name__}: {error}" if isinstance(error, BaseException) else str(error)
        )
    except Exception:  # its own text raises
        return type(error).__name__


class Failures(Locked):
    """How often the sources of one bridge have failed.

    Args:
        bridge: its name.
    """

    def __init__(self, bridge: str) -> None:
        super().__init__()
        self._bridge = bridge
        self._counts: dict[str, int] = {}

    def count(self, source: str, error: object) -> None:
        """Count a failure, and say the first of a source."""
        with self._lock:
            if source not in self._counts and len(self._counts) >= _MOST:
                source = "others"
            new = source not in self._counts
            self._counts[source] = self._counts.get(source, 0) + 1
        if new and first(self._bridge, source):
            from sampler.agent import log, masked_line

            log.warning(
                "bridge %r: %s fails, and only what it tells is missing: %s",
                self._bridge,
                masked_line(source),
                masked_line(text_of(error)),
            )

    def total(self) -> int:
        """Return how many there were."""
        return sum(list(self._counts.values()))

    def samples(self) -> Iterator[tuple[str, int, dict[str, str], dict[str, Any]]]:
        """Yield the counts of those that have failed."""
        for source, count in list(self._counts.items()):
            yield FAILURES, count, {"bridge": self._bridge, "source": source}, _DESCRIPTION
