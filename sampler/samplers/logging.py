"""The ``logging`` sampler: log records by level.

It counts each record that a logger makes for a message at or above its effective level, once,
whatever filters and handlers do with it afterwards. Counting begins when this module is imported
(when the configuration names the sampler); a forked child starts at zero. A record that a program
received from another one (``logging.makeLogRecord``) was counted there.

It counts in the factory of records, the hook made for this. Handlers, filters, levels, the records
themselves and the stack below a handler remain as they are, and configuring them anew does not
affect it. If a program sets a factory of its own that does not call the one before, the next pull
notices; what is logged until then is not counted.
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
        # No lock is taken and no foreign code called: any thread, signal handler or finalizer may
        # log. A factory that was wrapped again does not count.
        if _state.counting is self and isinstance(level, int):
            _state.cells[min(max(int.__floordiv__(level, 10), 1), 5) - 1].inc()
        return record


class _State:
    """The counters, the factory that counts, and the start."""

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
    """Become the outermost factory, the only one that counts."""
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
    """Yield all counters, also those at zero."""
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
