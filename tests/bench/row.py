"""One target of the benchmark."""

from __future__ import annotations

import attrs


@attrs.frozen
class Row:
    """One target.

    Attributes:
        title: what is measured.
        ours: names of our numbers; the last is subtracted from the first if there are two.
        unit: of the numbers.
        limit: what ours may be at most; None: only the ratio counts.
        peers: names of peers' numbers, or what such names begin with.
        ratio: how many times the best peer's number is to be of ours.
        why: why it is missed, if it is.
        scaled: whether a limit in time is that of another machine.
    """

    title: str
    ours: tuple[str, ...]
    unit: str = "ns"
    limit: float | None = None
    peers: tuple[str, ...] = ()
    ratio: float | None = None
    why: str = ""
    scaled: bool = True
