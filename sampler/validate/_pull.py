"""One pull checked by the validator: what is yielded, who reads it, and until when."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sampler._contract.declaration import short
from sampler._registry.shared_read import copy_samples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampler.validate._breach import Report


class Pull:
    """The call of a sampler and the iteration of what it returned.

    Args:
        report: where breaches go.

    Attributes:
        items: private copies of what was yielded.
        complete: the sampler yielded everything.
        ended: nothing of it may be read any more.
        seconds: time spent in the sampler.
        time: epoch seconds at which it began.
    """

    def __init__(self, report: Report) -> None:
        self.items: list[Any] = []
        self.complete = False
        self.ended = False
        self.seconds = 0.0
        self.time = time.time()
        self._report = report
        self._lent: list[tuple[str, Any, Any]] = []
        self._began = time.monotonic()

    def enter(self) -> None:
        """Start the clock: the sampler runs."""
        self._began = time.monotonic()

    def leave(self) -> None:
        """Stop the clock: the sampler has returned."""
        self.seconds += time.monotonic() - self._began

    def lend(self, item: Any) -> Any:
        """Return what the consumer gets for an item; it may be read while the pull lasts."""
        if not isinstance(item, tuple):
            self.items.append(item)
            return item
        copy = copy_samples((item,), 1)[0][0]
        if not isinstance(copy, tuple):  # an author's own mapping raised: let the consumer see it
            copy = item
        self.items.append(copy)
        metric = str(item[0]) if item and isinstance(item[0], str) else short(item)
        return tuple(
            self._guard(metric, part, mine) for part, mine in zip(item, copy, strict=True)
        )

    def end(self) -> None:
        """Note that the iteration is over."""
        if self.ended:
            return
        self.ended = True
        for metric, given, copy in self._lent:
            with suppress(Exception):
                if copy_samples((("", given),), 1)[0][0][1] != copy:
                    message = f"what it yielded for {metric!r} was changed during the pull"
                    self._report.add("S-17", metric, message, given)
        self._lent = []

    def _guard(self, metric: str, part: Any, copy: Any) -> Any:
        with suppress(Exception):  # as above
            if hasattr(part, "keys"):
                if "labels" in copy and hasattr(part["labels"], "__next__"):
                    part = copy  # of a description: an iterator, which the copy has used up
                self._lent.append((metric, part, copy))
                return Lent(part, self, self._report, metric)
        return part


class Lent(Mapping[Any, Any]):
    """A mapping that may be read only until its pull has ended.

    Args:
        given: what the sampler yielded.
        pull: the pull it belongs to.
        report: where breaches go.
        metric: the name of its metric.
    """

    def __init__(self, given: Any, pull: Pull, report: Report, metric: str) -> None:
        self._given = given
        self._pull = pull
        self._report = report
        self._metric = metric

    def __getitem__(self, key: Any) -> Any:
        found = self._read()[key]
        if key == "buckets" and hasattr(found, "keys"):
            return Lent(found, self._pull, self._report, self._metric)
        return found

    def __iter__(self) -> Iterator[Any]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __repr__(self) -> str:
        return repr(self._given)

    def _read(self) -> Any:
        if self._pull.ended:
            message = f"what was yielded for {self._metric!r} was read after the pull had ended"
            self._report.add("C-13", self._metric, message, self._given)
        return self._given
