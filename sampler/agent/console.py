"""The ``console`` adapter: prints what was collected, for people, on standard output."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from sampler._contract.histogram import HistogramValue
from sampler._runtime.printable import counted, printable
from sampler.agent.config.options import option
from sampler.agent.delivery.adapter import DELIVERED, Batch
from sampler.exceptions import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import TextIO

    from sampler._contract.snapshot import Block, Series, Snapshot, Value
    from sampler.agent.delivery.adapter import Outcome, Since

_PREFIXES = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


@attrs.define
class Console:
    """Print every pull as a table, with one block for each sampler."""

    stamped = True
    self_metrics = "none"
    unsupported: ClassVar[Mapping[str, str]] = {
        "help": "left out: a line has a number, its unit and its name",
        "kind": "left out: counters and gauges look alike",
        "precision": "six significant digits; one decimal for sizes in bytes",
        "timestamps": "the time of the pull, in seconds",
        "histograms": "their count and mean only",
    }
    stderr: bool = option(default=False, help="Write to standard error instead.")
    _stream: Any = attrs.field(default=None, init=False)

    def encode(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        """Yield one batch: the text of the whole snapshot."""
        del since
        when = time.strftime("%H:%M:%S", time.localtime(snapshot.time))
        lines = [f"--- {when}  {counted(len(snapshot), 'entry', 'entries')}"]
        for block in snapshot.blocks:
            lines += _table(block)
        lines += [f"  {f.sampler}: {f.reason}: {f.message}" for f in snapshot.failures]
        text = "\n".join(lines) + "\n"
        yield Batch((text.encode("utf-8", "backslashreplace"),), len(snapshot))

    def send(self, batch: Batch, timeout: float) -> Outcome:
        """Write the text."""
        del timeout
        stream: TextIO = self._stream or (sys.stderr if self.stderr else sys.stdout)
        try:
            text = b"".join(batch.frames).decode()
            charset = getattr(stream, "encoding", None) or "utf-8"
            stream.write(text.encode(charset, "backslashreplace").decode(charset))
            stream.flush()
        except (OSError, ValueError) as error:  # a closed pipe or stream
            raise Unavailable(f"cannot write: {error}") from None
        return DELIVERED


def _table(block: Block) -> list[str]:
    rows = ((*_shown(series, value), printable(str(series))) for series, value in block)
    return [f"{number:>16} {unit:<12} {name}" for number, unit, name in rows]


def _shown(series: Series, value: Value) -> tuple[str, str]:
    if isinstance(value, HistogramValue):
        mean = value.sum / value.count if value.count and value.sum is not None else 0.0
        return f"{value.count:,}", f"observations, mean {mean:.4g} {series.unit}"
    if series.unit == "By":
        for size, prefix in _PREFIXES:
            if abs(value) >= size:
                return f"{value / size:,.1f}", prefix
    unit = series.unit.strip("{}")
    if isinstance(value, float):
        return f"{value:,.6g}", unit
    return f"{value:,}", unit
