"""Looks at our page at intervals, on a thread, and keeps what it saw."""

from __future__ import annotations

import http.client
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from tests.support.ports import HOST

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

_PATIENCE = 5.0

Key = tuple[str, tuple[tuple[str, str], ...]]
"""Name and labels of a series."""


class Scrape(NamedTuple):
    """One look at the page.

    Attributes:
        time: when, in seconds of the monotonic clock.
        run: which server's: counters of another one began anew.
        values: what it had.
    """

    time: float
    run: int
    values: dict[Key, float]


def read_page(port: int) -> dict[Key, float]:
    """Return what a page has.

    Raises:
        OSError: nobody answers.
    """
    connection = http.client.HTTPConnection(HOST, port, timeout=_PATIENCE)
    try:
        connection.request("GET", "/metrics", headers={"Accept": "text/plain"})
        text = connection.getresponse().read().decode()
    except http.client.HTTPException as error:
        raise OSError(str(error)) from error
    finally:
        connection.close()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


class Watch:
    """Looks for as long as a block lasts.

    Args:
        port: where the page is.
        run: a number for the server.
        interval: seconds from look to look.
        keep: takes what was seen.
    """

    def __init__(
        self, port: int, run: int, interval: float, keep: Callable[[Scrape], object]
    ) -> None:
        self._port, self._run, self._interval, self._keep = port, run, interval, keep
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def look(self) -> None:
        """Look once; a page that does not answer is not seen."""
        try:
            values = read_page(self._port)
        except OSError:
            return
        self._keep(Scrape(time.monotonic(), self._run, values))

    def _watch(self) -> None:
        while not self._end.wait(self._interval):
            self.look()

    def __enter__(self) -> Self:
        self.look()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end.set()
        self._thread.join(2 * _PATIENCE)
