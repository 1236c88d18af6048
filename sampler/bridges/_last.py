"""What a source told last: where it fails, its series go on without a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Row = tuple[Any, ...]


class Last:
    """The series of one source.

    One that is missing from a pull has ended, and when it comes back a counter counts whole once
    more (C-15, C-16). A value of None is none to report, and ends nothing.
    """

    def __init__(self) -> None:
        self._rows: dict[Any, Row] = {}

    def read(self, rows: Iterable[Row], fail: Callable[[Exception], object]) -> Iterator[Row]:
        """Yield samples; if that fails, those that are missing follow without a value.

        Args:
            rows: samples of four items.
            fail: told what was raised.
        """
        told: dict[Any, Row] = {}
        try:
            for row in rows:
                name, _, labels, described = row
                told[name, *sorted((labels or {}).items())] = name, None, labels, described
                yield row
        except Exception as error:
            fail(error)
            yield from (row for key, row in self._rows.items() if key not in told)
            told = {**self._rows, **told}
        self._rows = told
