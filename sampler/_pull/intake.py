"""Samples in, one block out: every sample is checked, turned into plain numbers, and named.

Reading is separate from keeping: :meth:`Intake.read` runs beside foreign code, perhaps on a
thread that was abandoned long ago, and changes nothing; :meth:`Intake.keep` takes its result.
A sampler mostly yields the series that it yielded last time, in the same order. So each sample is
first compared with the last one in its place; if they agree, nothing is looked up or named again.
"""

from __future__ import annotations

from _operator import is_
from itertools import compress, repeat

from sampler._contract.declaration import Declaration, short
from sampler._contract.instrument_samples import InstrumentSamples
from sampler._contract.names import SURPLUS
from sampler._contract.snapshot import ABSENT, Absent, Block
from sampler._contract.values import RefusedSample, subtract
from sampler._pull.admission import Admission, combine
from sampler._pull.departed import Departed
from sampler._pull.inherited import UNKNOWN, Counted, counted, inherit, subtracted
from sampler._pull.known_rows import KnownRows, arranged, completed, find_ahead
from sampler._pull.overflow import Overflow
from sampler._pull.reading import MISSING, REFUSED, Reading
from sampler._pull.sample import SeriesKeys, given_description, split_sample
from sampler._pull.unchanged import checked, read_unchanged, read_values
from sampler._runtime.abandoned import is_foreign
from sampler._runtime.gil_yield import GiveWayTimer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from sampler._contract.snapshot import Series, Value
    from sampler._pull.owners import Owners
    from sampler._pull.reading import Key, Row, Valueless

_LOOK_EVERY = 50
"""Samples out of order between two looks at the clock: a new series takes 10 µs and more."""
_MATCHES = 4
"""Samples in their places, one after the other, after which the next ones are expected there."""
_FEW = 32
"""Samples out of order that are looked up by their keys, with an eighth of the known ones, before
a table of all is made."""


class Intake:
    """One consumer's reading of one sampler.

    Args:
        declaration: what the sampler's mapping says.
        max_samples: samples taken in one pull.
        max_series: series admitted for one metric; the rest is folded into one.
        since: epoch seconds at which the consumer began.
        absent_at: epoch seconds of a pull before the sampler was registered, or None.
        inherited_at: epoch seconds of the fork if the sampler was registered before it, or None.
        at_fork: what it had counted then; None: the first pull gives that.
        takes_over: it has taken the place of another registry's (R-14).
        report: called with each refused sample.
    """

    def __init__(
        self,
        declaration: Declaration,
        max_samples: int = 10_000,
        max_series: int = 2_000,
        since: float = 0.0,
        absent_at: float | None = None,
        inherited_at: float | None = None,
        at_fork: Counted | None = None,
        takes_over: bool = False,
        report: Callable[[RefusedSample], None] | None = None,
    ) -> None:
        self._keys = SeriesKeys(declaration)
        self._max_samples = max_samples
        self._admission = Admission(declaration, max_series, since, absent_at, takes_over)
        self._inherited_at = inherited_at
        self._at_fork = at_fork or UNKNOWN
        self._report = report
        self._constant = declaration.labels
        self._departed = Departed()
        self._known = KnownRows([], self._constant)
        self._last: list[Any] = []
        """The values of the known rows, as read."""
        self._shape: tuple[object, ...] | None = None
        """Of samples that are the known rows, one by one."""
        self._time: float | None = None

    def read(self, samples: Iterable[Any], time: float, start: float | None = None) -> Reading:
        """Take the samples of one pull; whatever the iterable raises ends the pull.

        Args:
            samples: what the sampler returned.
            time: epoch seconds.
            start: epoch seconds at which the source says its cumulative values were zero.
        """
        reading = Reading(time, start, self._admission.overflow.begin(), self._report)
        known = self._known
        rows, last = known.rows, self._last
        if known.order is not None:
            rows, last = known.expected(last)
        count = len(rows)
        restarted: list[int] = []
        if start is not None and self._admission.restarts(start):
            restarted = [i for i, row in enumerate(rows) if row.cumulative]
            last = [MISSING] * count
            reading.overflow = Overflow()
        turn = GiveWayTimer()
        taken: list[int] | None
        if type(samples) is InstrumentSamples:
            self._departed.begin(samples, reading)
            if samples.shape == self._shape and last is self._last:
                values = samples.values()
                if len(values) == count:  # no child has come meanwhile
                    taken = read_values(values, rows, last, reading, restarted, turn)
                    self._settle(reading, values, restarted, taken)
                    return reading
        rest = iter(samples)
        values = [MISSING] * count
        taken = None  # places as they are yielded, once they are out of order
        position, highest, matches, lookups = 0, -1, _MATCHES, 0
        few = _FEW + count // 8
        look_at = 0
        if (shuffled := known.shuffled) is not None:
            taken = []
        while True:
            item = MISSING
            if shuffled is not None and taken is not None:
                before_now, room = len(taken), self._max_samples - reading.taken
                item = shuffled.read(
                    rest, rows, last, values, taken, room, reading, restarted, turn
                )
                reading.taken += len(taken) - before_now
                look_at = reading.taken
            elif matches >= _MATCHES and highest < position < count:
                until = min(count, position + self._max_samples - reading.taken)
                read, item = read_unchanged(
                    rest, rows, last, position, until, reading, restarted, turn
                )
                end = position + len(read)
                values[position:end] = read
                if taken is not None:
                    taken += range(position, end)
                reading.taken += len(read)
                look_at = reading.taken
                position, highest, matches = end, end - 1, 0
            if item is MISSING and (item := next(rest, MISSING)) is MISSING:
                break
            reading.taken += 1
            if reading.taken > look_at:
                if reading.taken > self._max_samples:
                    what = f"more than {self._max_samples} samples in one pull"
                    reading.refuse(RefusedSample("C-14", "too_many_samples", what))
                    _close(samples)
                    reading.cut = True
                    if count <= self._max_samples:  # no series ends; their number is bounded
                        values = [ABSENT if value is MISSING else value for value in values]
                    break
                look_at = min(look_at + _LOOK_EVERY, self._max_samples)
                turn.give_way_if_due()
            if taken is None:
                taken = list(range(position))
            try:
                if type(item) is tuple and len(item) == 3:
                    metric, value, labels = item
                else:
                    metric, value, labels = split_sample(item)
                index, matches = position, matches + 1
                row = rows[index] if index < count else None
                if (
                    row is None
                    or metric != row.yielded
                    or (labels is not row.raw and labels != row.raw)
                ):
                    index, matches = -1, 0
                    if known.combining >= 0:
                        index = known.find_again(position - 1, metric, labels)
                    if index < 0 and (known.tabled or lookups > few):
                        index = known.find_sample(metric, labels)
                        reading.moved += index >= 0
                    elif index < 0 and position + 1 < count:
                        index = find_ahead(rows, position, metric, labels)
                        reading.moved += index >= 0
                    if index < 0:
                        key, raw = self._keys.of(metric, labels)
                        if key[1:] == SURPLUS:
                            self._admission.add_surplus(key, value, reading)
                            continue
                        index = known.find(key)
                        if index < 0:
                            added = reading.added or reading.additions()
                            new, said = len(added.new), given_description(item)
                            self._admission.admit(key, raw, value, said, reading)
                            if len(added.new) > new:
                                taken.append(count + new)
                            continue
                        lookups += 1
                        reading.moved += 1
                    row = rows[index]
                position = index + 1
                highest = max(highest, index)
                if (there := values[index]) is not MISSING:
                    if row.metric.merge is None:
                        what = f"{row} occurs twice in one pull"
                        raise RefusedSample("S-25", "duplicate", what)
                    values[index] = combine(there, value, row, reading)
                    continue
                taken.append(index)
                before = last[index]
                if value is not before:
                    values[index] = ABSENT  # a refused value keeps its series' place
                    value = checked(value, before, row, index, reading, restarted)
                values[index] = value
            except RefusedSample as refused:
                reading.refuse(refused)
            except BaseException as error:  # an author's own __eq__, __hash__, __iter__ ...
                if not is_foreign(error):
                    raise
                reading.refuse(RefusedSample("S-14", "shape", f"{short(item)}: {short(error)}"))
        if taken is None and position < count:
            taken = list(range(position))
        self._settle(reading, values, restarted, taken)
        return reading

    def keep(self, reading: Reading, sampler: str) -> Block:
        """Take over a reading and return its block."""
        admission = self._admission
        if admission.owners is not None and (
            reading.rows is not self._known.rows or reading.added or admission.valueless
        ):
            self._claim(reading, admission.owners)
        last = reading.raw
        whole = not (reading.silent or reading.refused)
        if not whole and ABSENT in last:  # such a series keeps its last value for comparison
            old = dict(zip(self._known.rows, self._last, strict=True))
            last = [
                old.get(row, MISSING) if value is ABSENT else value
                for row, value in zip(reading.rows, last, strict=True)
            ]
        self._last = last
        if reading.rows is not self._known.rows:
            regular = self._inherited_at is None and not self._admission.merges
            regular = regular and not self._departed.offsets
            self._known = self._known.followed_by(reading, regular=regular)
            self._admission.count(reading)
        else:
            self._known.stay(disordered=reading.disordered)
        if reading.order is not self._known.order:
            self._known.keep_order(reading.order)
        self._shape = reading.shape if reading.shape is not None and reading.one_to_one else None
        self._admission.keep(reading)
        if reading.departing is not None:
            self._departed.keep(reading)
        self._time = reading.time
        values = self._reported(reading) if self._known.offsets else reading.raw
        return Block(
            sampler, self._known.series, values, reading.time, len(values) if whole else None
        )

    def counted(self) -> Counted:
        """Return what the last pull's counters and histograms had counted."""
        whole = self._admission.complete
        return counted(self._known.rows, self._last, self._constant, whole=whole)

    def subtracted(self) -> Counted:
        """Return what is subtracted from counters and histograms; see :func:`subtracted`."""
        if self._time is None:
            return self._at_fork
        whole = self._admission.complete
        return subtracted(self._known.rows, self._at_fork, self._constant, whole=whole)

    def end(self) -> None:
        """Pull no more: no group of instruments waits for this consumer."""
        self._departed = Departed()

    def absent(self, sampler: str) -> Block | None:
        """Return the block of a failed pull: every known series, no values."""
        if not self._known.rows or self._time is None:
            return None
        series = self._known.series
        return Block(sampler, series, [ABSENT] * len(series), self._time, 0)

    def share(self, owners: Owners | None) -> None:
        """Share series with other samplers from now on, or no more: those that there are stay."""
        before, self._admission.owners = self._admission.owners, owners
        if before is not owners:
            if before is not None:
                before.claim(self._begun(), (), self._admission)
            if owners is not None:
                owners.claim((), self._begun(), self._admission)

    def _begun(self) -> list[Series]:
        """Return the series that have begun, those that never had a value included."""
        return [*self._known.series, *_owned(self._admission.valueless)]

    def _claim(self, reading: Reading, owners: Owners) -> None:
        """Make the series of a reading this sampler's, but those that became another's in time."""
        unvalued = reading.additions().valueless
        for key, valueless in list(unvalued.items()):
            try:
                if valueless.series is not None:
                    owners.check(valueless.series, self._admission)
            except RefusedSample as refused:
                unvalued[key] = REFUSED
                if valueless.silent:
                    reading.silent -= 1
                    reading.refuse(refused)
        kept: list[Row] = []
        gone: list[Row] = []
        values: list[Any] = []
        for row, value in zip(reading.rows, reading.raw, strict=True):
            try:
                owners.check(row, self._admission)
            except RefusedSample as refused:
                reading.refuse(refused)
                unvalued[row.key(self._constant)] = REFUSED
                gone.append(row)
            else:
                kept.append(row)
                values.append(value)
        if gone:
            reading.rows, reading.raw, reading.order = kept, values, None
            reading.gone = [*reading.gone, *gone]
        now = [*kept, *_owned(unvalued)]
        owners.claim(self._begun(), now, self._admission)

    def _reported(self, reading: Reading) -> list[Value | Absent]:
        return [
            value
            if row.offset is None or isinstance(value, Absent)
            else subtract(value, row.offset)
            for row, value in zip(reading.rows, reading.raw, strict=True)
        ]

    def _settle(
        self,
        reading: Reading,
        values: list[Any],
        restarted: list[int],
        taken: list[int] | None,
    ) -> None:
        """Turn what was read into rows and values; the list of rows stays if no series changed.

        Args:
            reading: the pull.
            values: in the order in which the rows were expected.
            restarted: places of rows that have started over.
            taken: places as they were yielded, new ones behind the others; None: as expected.
        """
        known = self._known
        same = taken is None and not (restarted or reading.added or known.order)
        if same and reading.overflow.idle:
            reading.rows, reading.raw = known.rows, values
            return
        if known.order is not None:
            values, restarted, taken = known.as_rows(values, restarted, taken)
        if taken is not None or self._departed.offsets:
            self._departed.settle(reading, known.rows, values, self._last)
        self._admission.fold(reading, values, known)
        rows, added = known.rows, reading.additions()
        new, firsts = list(added.new.values()), list(added.firsts.values())
        added.firsts = {}
        if not (known.keyed or reading.cut):
            added.new = {}  # nobody asks for the keys, and a round may have many of them
        if restarted:
            rows, reading.restarted = list(rows), True
            for index in restarted:
                rows[index] = rows[index].restarted(self._admission.restarted_at(reading.start))
        if new or (taken is not None and MISSING in values):
            if taken is None:
                taken = known.order or list(range(len(rows)))
            missing = map(is_, values, repeat(MISSING))
            reading.gone = list(compress(rows, missing))
            rows, values = arranged([*rows, *new], [*values, *firsts], taken)
        elif taken is not None:
            reading.disordered = reading.moved > _FEW + len(rows) // 8
            if not (reading.disordered and known.disordered):  # what is always another is no order
                reading.order = completed(taken, len(rows))
        else:
            reading.order = known.order
        if self._inherited_at is not None:
            first = self._time is None
            if reading.start is None or reading.start < self._inherited_at:  # not a new source
                begun = zip(rows if first else new, values if first else firsts, strict=True)
                inherit(begun, self._inherited_at, self._at_fork, self._constant)
        reading.rows, reading.raw = rows, values


def _owned(valueless: dict[Key, Valueless]) -> Iterator[Series]:
    return (each.series for each in valueless.values() if each.series is not None)


def _close(samples: Any) -> None:
    if hasattr(samples, "gi_frame"):  # a generator ends here, in the sampler's own time
        samples.close()
