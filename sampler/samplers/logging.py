"""The ``logging`` sampler: log records by level.

Counted is each record that a logger makes for a message at or above its effective level, once,
whatever filters and handlers do with it afterwards, from the moment this module is imported
(when the configuration names the sampler); a forked child starts at zero. A record that a program
received from another one (``logging.makeLogRecord``) was counted there.

It stands in the way of records at the place made for this, the factory of records. Handlers,
filters, levels, the records themselves and the stack below a handler remain as they are, and
configuring them anew does not touch it. A program that sets a factory of its own without calling
the one before is noticed at the next pull; what it logged in between is not counted.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from sampler._instruments.counter import Counter
from sampler._instruments.labelled import samples
from sampler._runtime.fork import in_child

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LEVELS = ("debug", "info", "warning", "error", "critical")


class _Counting:
    """A factory of records that counts what another one makes.

    Attributes:
        inner: the factory that makes them.
    """

    __slots__ = ("inner",)

    def __init__(self, inner: Callable[..., logging.LogRecord]) -> None:
        self.inner = inner

    def __call__(self, name: Any, level: Any, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self.inner(name, level, *args, **kwargs)
        # No lock is taken and nothing foreign is called: any thread, signal handler or finalizer
        # may log. A factory that was wrapped again counts no more.
        if _state.counting is self and isinstance(level, int):
            _state.cells[min(max(int.__floordiv__(level, 10), 1), 5) - 1].inc()
        return record


class _State:
    """What is counted, by whom, and since when."""

    def __init__(self) -> None:
        self.cells: list[Counter] = [Counter((level,)) for level in LEVELS]
        self.start: float = time.time()
        self.counting: _Counting | None = None

    def restart(self) -> None:
        """Count from here in a forked child: what the parent counted is the parent's."""
        self.start = time.time()
        for cell in self.cells:
            cell.restart()


def _install() -> None:
    """Be the outermost factory: the only one that counts."""
    factory = logging.getLogRecordFactory()
    if isinstance(factory, _Counting):
        _state.counting = factory
        return
    counting = _Counting(factory)
    logging.setLogRecordFactory(counting)
    _state.counting = counting


def start() -> float:
    """Return when the counters were zero: at import or fork, in epoch seconds."""
    return _state.start


def sample() -> Iterator[tuple[Any, ...]]:
    """Yield the counters, those at zero included."""
    _install()
    yield from samples("records", ("level",), _state.cells)


_state = _State()
_install()
in_child(_state.restart)


SAMPLER: dict[str, str | Callable[..., Any] | dict[str, Any]] = {
    "name": "logging",
    "sample": sample,
    "start": start,
    "metrics": {
        "records": {
            "kind": "counter",
            "unit": "{record}",
            "help": "Log records made, at or above their logger's level.",
            "labels": ("level",),
        }
    },
}
"""The built-in ``logging`` sampler."""
