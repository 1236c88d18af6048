"""Batches of formats whose size shows only when they are written, and halves of batches.

An endpoint refuses a request as a whole, whatever a single bad entry was, or because it is larger
than the endpoint allows. The agent then asks the adapter's ``split`` for halves, until what is
wrong is alone.

.. code-block:: python

    def encode(self, snapshot, since):
        yield from written_halves(list(snapshot), self._body)

    split = staticmethod(halved_lines)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from sampler.agent import MAX_BATCH, Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["halved_lines", "written_halves"]

T = TypeVar("T")


def written_halves(
    entries: Sequence[T], write: Callable[[Sequence[T]], bytes], limit: int = MAX_BATCH
) -> Iterator[Batch]:
    """Yield batches of entries; what is longer than the limit is halved.

    Args:
        entries: of a snapshot, in order.
        write: returns the bytes of some of them; called about twice for each entry if there are
            many batches.
        limit: most bytes of a batch. A single entry that is longer is refused as ``too_long``.
    """
    if not entries:
        return
    body = write(entries)
    if len(body) <= limit:
        yield Batch((body,), len(entries))
    elif len(entries) == 1:
        yield Batch((), 0, {"too_long": 1})
    else:
        middle = len(entries) // 2
        yield from written_halves(entries[:middle], write, limit)
        yield from written_halves(entries[middle:], write, limit)


def halved_lines(batch: Batch) -> tuple[Batch, Batch]:
    """Return the halves of a batch of lines, of which each is one entry and ends with a line feed.

    Args:
        batch: of at least two entries. Those that are refused go with the first half.
    """
    lines = [line + b"\n" for line in b"".join(batch.frames).split(b"\n")[:-1]]
    middle = len(lines) // 2
    return (
        Batch((b"".join(lines[:middle]),), middle, batch.refused, batch.note),
        Batch((b"".join(lines[middle:]),), batch.samples - middle, note=batch.note),
    )
