"""The ``asyncio`` sampler: tasks and lag of the event loops that the program has named.

A loop is named by ``watch("web")`` in a coroutine that runs on it, or ``watch("web", loop)``
from anywhere. Ten times a second a heartbeat on the loop then measures how late the loop gets to
what is due (after a stop, too), and counts its tasks. A loop that is closed, or that nobody holds
any longer, is forgotten. If no loop is named, nothing is reported. Naming one publishes the
sampler, so an agent collects it unless its configuration enables others only.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import ref

from sampler._contract.declaration import label_text
from sampler._contract.names import MAX_LABEL_VALUE
from sampler._instruments.histogram import Histogram
from sampler._instruments.labelled import samples
from sampler._registry.registry import register
from sampler._runtime.fork import in_child
from sampler.exceptions import SamplerConflict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INTERVAL = 0.1
"""Seconds between two heartbeats."""
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds in seconds."""
_SHARE = 100
"""Counting tasks takes at most 1/100 of the loop's time."""


class _Watch:
    """One named loop, held weakly. The loop holds the watch through its next heartbeat.

    Attributes:
        name: the value of the label ``loop``.
        lag: what its heartbeats observe, in seconds.
        seen: its heart has beaten in this process, so there is something to report.
    """

    def __init__(
        self, name: str, loop: asyncio.AbstractEventLoop, before: _Watch | None = None
    ) -> None:
        self.name: str = name
        # One series for all loops of a name: it never loses what was reported before.
        self.lag: Histogram = before.lag if before else Histogram((name,), BOUNDS)
        self.seen: bool = before.seen if before else False
        self._loop = ref(loop)
        self._due: float | None = None
        self._tasks: int | None = None
        self._count_at = 0.0

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop, unless it is closed or gone."""
        loop = self._loop()
        return None if loop is None or loop.is_closed() else loop

    def beat(self) -> None:
        """Observe how late it is, and schedule the next beat. Runs on the loop, in no task."""
        now, loop = time.monotonic(), self.loop
        if loop is None or _watches.get(self.name) is not self:
            return
        if self._due is not None:
            self.lag.observe(max(0.0, now - self._due))
        # Not at a pull: another thread's set of tasks changes while it is read, and a task that
        # ends meanwhile would be finalized in the wrong thread.
        if now >= self._count_at:
            with suppress(RuntimeError):  # other loops changed theirs at each attempt
                self._tasks = len(asyncio.all_tasks(loop))
            self._count_at = now + _SHARE * (time.monotonic() - now)
        self.seen, self._due = True, time.monotonic() + INTERVAL
        loop.call_later(INTERVAL, self.beat)

    def samples(self, loop: asyncio.AbstractEventLoop) -> Iterator[tuple[Any, ...]]:
        """Yield the loop's samples; may be called in any thread."""
        due, labels = self._due, {"loop": self.name}
        if not self.seen:
            return
        yield "tasks", self._tasks, labels
        if due is not None and loop.is_running():
            yield "overdue", max(0.0, time.monotonic() - due), labels
        yield from samples("lag", ("loop",), [self.lag])

    def restart(self) -> None:
        """Report nothing in a forked child until the loop runs there."""
        self.seen, self._due, self._tasks = False, None, None
        self.lag.restart()


_watches: dict[str, _Watch] = {}  # no lock guards it: each access is one step


def watch(name: str, loop: asyncio.AbstractEventLoop | None = None) -> None:
    """Have a loop's tasks and lag sampled under a name. Doing it again has no effect.

    The sampler ``asyncio`` is published in the default registry, unless that has one of this name.
    ``watch`` may be called in any thread, and does not keep the loop alive.

    Args:
        name: the value of the label ``loop``, up to 1024 characters.
        loop: default: the running one.

    Raises:
        RuntimeError: no loop is running and none is given, or it is closed.
        ValueError: the name is not valid, or an open loop has it, or the loop has another one.
    """
    text = label_text(name)
    if not text or not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"a loop's name is a text of 1 to {MAX_LABEL_VALUE} characters: {name!r}")
    if loop is None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise RuntimeError(
                "no event loop is running here: call watch() in a coroutine, or give it a loop"
            ) from None
    for known in list(_watches.values()):
        if known.loop is loop and known.name != text:
            raise ValueError(f"this loop is watched as {known.name!r} already, not as {text!r}")
    before = _watches.get(text)
    if before is not None and before.loop is loop:
        return
    if before is not None and before.loop is not None:
        raise ValueError(f"another open loop is watched as {text!r}: give each its own name")
    _watches[text] = made = _Watch(text, loop, before)
    try:
        loop.call_soon_threadsafe(made.beat)
    except RuntimeError:
        _forget(made)
        raise
    with suppress(SamplerConflict):  # the program's own stands
        register(SAMPLER)


def sample() -> Iterator[tuple[Any, ...]]:
    """Yield one reading of each named loop that is open."""
    for known in list(_watches.values()):
        if (loop := known.loop) is None:
            _forget(known)
        else:
            yield from known.samples(loop)


def _forget(known: _Watch) -> None:
    found = _watches.pop(known.name, known)
    if found is not known:  # the name has passed to another loop
        _watches.setdefault(known.name, found)


def _restart() -> None:
    for known in list(_watches.values()):
        known.restart()


in_child(_restart)

# No ``start``: a loop that is named while a consumer pulls counts whole, from the pull before.
SAMPLER: dict[str, str | Callable[..., Any] | dict[str, Any]] = {
    "name": "asyncio",
    "sample": sample,
    "metrics": {
        "tasks": {
            "kind": "gauge",
            "unit": "{task}",
            "help": "Tasks of the loop that have not ended.",
            "labels": ("loop",),
            "merge": "sum",
        },
        "lag": {
            "kind": "histogram",
            "unit": "s",
            "help": "How late the loop got to what was due.",
            "labels": ("loop",),
        },
        "overdue": {
            "kind": "gauge",
            "unit": "s",
            "help": "How long the loop has been late at present.",
            "labels": ("loop",),
            "merge": "max",
        },
    },
}
"""The built-in ``asyncio`` sampler."""
