"""One value: what an author yields becomes a plain number or histogram, or is refused."""

from __future__ import annotations

from _operator import index  # operator, without its file: an import has a budget

from sampler._contract.declaration import class_name, short
from sampler._contract.histogram import HistogramValue, Lineage, difference, merge
from sampler._contract.names import MAX_BUCKETS
from sampler._contract.snapshot import ABSENT
from sampler._runtime.abandoned import is_foreign

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampler._contract.snapshot import Absent, Series, Value


_INFINITE = float("inf")
_NO_NUMBERS = (str, bytes, bytearray, complex)
_NO_KINDS = ("c", "m", "M", "O", "S", "T", "U")
"""Kinds of numpy's types: complex numbers, times, objects, texts."""


class RefusedSample(Exception):
    """A sample that cannot be taken.

    Attributes:
        reason: one word for the ``refused`` counter.
        message: what was wrong with the sample.
        clause: the PEP's clause that it breaks.
    """

    def __init__(self, clause: str, reason: str, message: str) -> None:
        super().__init__(message)
        self.clause = clause
        self.reason = reason
        self.message = message


class RefusedRecordings:
    """Stands for the surplus of a gauge: its values cannot be added, so they were refused.

    Attributes:
        recordings: how many were refused so far.
    """

    __slots__ = ("recordings",)

    def __init__(self, recordings: int) -> None:
        self.recordings: int = recordings


def plain_value(value: Any, series: Series) -> Value | Absent:
    """Turn a value into a plain one of the series' kind (PEP: Values).

    Returns:
        :data:`ABSENT` for ``None`` and NaN: nothing to report.

    Raises:
        RefusedSample: with the reason ``type``, ``not_finite``, ``out_of_range``, ``negative``,
            ``histogram`` or ``too_many_buckets``.
    """
    if series.kind == "histogram":
        if value is None or (not hasattr(value, "get") and _is_nan(value)):
            return ABSENT
        return _histogram(value, series)
    read = plain_number(value, series)
    if series.kind == "counter" and read is not ABSENT and read < 0:  # type: ignore[operator]
        raise RefusedSample("S-20", "negative", f"{series}: a counter cannot be {read}")
    return read


def _is_nan(value: Any) -> bool:
    try:
        number = number_or_none(value)
    except Exception:  # of a class of the author's own
        return False
    return number is not None and number != number  # noqa: PLR0124


def plain_number(value: Any, series: Series) -> int | float | Absent:
    """Turn a value into an ``int`` in ±2**63 or a finite ``float``; see :func:`plain_value`."""
    if value is None:
        return ABSENT
    kind = type(value)
    if kind is not int and kind is not float:
        value = _converted(value, series)
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise RefusedSample(
                _clause(series), "out_of_range", f"{series}: an integer beyond ±2**63"
            )
        return value
    if value != value:  # noqa: PLR0124 - NaN
        return ABSENT
    if value - value != 0.0:
        raise RefusedSample(_clause(series), "not_finite", f"{series}: {value}")
    return float(value)


def copy_mapping(mapping: Any, most: int) -> dict[Any, Any]:
    """Copy at most ``most + 1`` keys of an author's mapping: the last shows that it has too many.

    Only its keys and items are asked for: a foreign mapping may be endless.
    """
    own = isinstance(mapping, dict) and type(mapping).__iter__ is dict.__iter__
    if own and dict.__len__(mapping) <= most:
        return dict(mapping)  # at one moment, whatever other threads do to it
    from itertools import islice

    if own:
        return {key: dict.get(mapping, key) for key in islice(dict.keys(mapping), most + 1)}
    return {key: mapping[key] for key in islice(mapping.keys(), most + 1)}


def _clause(series: Series) -> str:
    return "S-21" if series.kind == "histogram" else "S-19"


def number_or_none(value: Any) -> int | float | None:
    """Return a number as a plain one, or None if it is not a number. Runs foreign code.

    Complex numbers, texts, times and arrays are not numbers, though some of them convert: numpy's
    complex numbers lose their imaginary part, its texts are parsed, its times lose their unit.
    """
    cls = type(value)
    if issubclass(cls, _NO_NUMBERS):
        return None
    dtype = getattr(value, "dtype", None)  # as of numpy's scalars and arrays
    dimensions = getattr(value, "ndim", 0)
    if getattr(dtype, "kind", None) in _NO_KINDS or (type(dimensions) is int and dimensions):
        return None
    convertible = hasattr(cls, "__float__")
    if hasattr(cls, "__index__"):
        try:
            return int.__int__(index(value))
        except TypeError:  # of arrays, which have both
            if not convertible:
                raise
    return float(value) if convertible else None


def required_number(value: Any) -> int | float:
    """Return what counts as a number as a plain one, so that adding it is exact.

    Raises:
        TypeError: it is not a number.
    """
    plain = number_or_none(value)
    if plain is None:
        raise TypeError(f"expected a number, got {short(value)}")
    return plain


def _converted(value: Any, series: Series) -> int | float:
    try:
        converted = number_or_none(value)
    except BaseException as error:
        if not is_foreign(error):
            raise
        raise RefusedSample(
            _clause(series), "type", f"{series}: {class_name(value)} fails: {short(error)}"
        ) from None
    if converted is not None:
        return converted
    raised = issubclass(type(value), BaseException)  # raised by a gauge's function
    got = short(value) if raised else class_name(value)
    raise RefusedSample(_clause(series), "type", f"{series}: expected a number, got {got}")


def _histogram(value: Any, series: Series) -> HistogramValue:
    def torn(what: str) -> RefusedSample:
        return RefusedSample("S-21", "histogram", f"{series}: {what}")

    kind: object = type(value)
    if kind is HistogramValue and type(value.lineage) is Lineage:  # it was checked
        checked: HistogramValue = value
        return checked
    if not hasattr(value, "get"):
        what = f"{series}: expected a histogram, got {class_name(value)}"
        raise RefusedSample(_clause(series), "type", what)
    count = plain_number(value.get("count"), series)
    if not isinstance(count, int) or count < 0:
        raise torn("'count' must be an integer of at least 0")
    total = plain_number(value.get("sum"), series)
    pairs = value.get("buckets") or {}
    if not hasattr(pairs, "keys"):
        raise torn("'buckets' must map upper bounds to cumulative counts")
    read = copy_mapping(pairs, MAX_BUCKETS + 1)  # infinity may be among them
    if len(read) - (_INFINITE in read) > MAX_BUCKETS:
        raise RefusedSample(
            "C-14", "too_many_buckets", f"{series} has more than {MAX_BUCKETS} buckets"
        )
    buckets = []
    for upper, cumulative in read.items():
        bound, at = _bound(upper, series), plain_number(cumulative, series)
        if not isinstance(at, int):
            raise torn(f"the count at {short(upper)} is not an integer")
        if bound == _INFINITE:
            if at != count:
                raise torn("the count at infinity is not 'count'")
        else:
            buckets.append((bound, at))
    buckets.sort()
    below, before = 0, None
    for upper, at in buckets:
        if at < below or upper == before:
            raise torn(f"the count falls, or is given twice, at {upper!r}")
        below, before = at, upper
    if below > count:
        raise torn("more observations in buckets than 'count'")
    scale, zero = value.get("scale"), value.get("zero_threshold")
    return HistogramValue(
        count,
        None if total is ABSENT else total,  # type: ignore[arg-type]
        tuple(buckets),
        scale if type(scale) is int and abs(scale) < 2**31 else None,
        float(zero) if type(zero) in {int, float} and 0 <= zero < 2**63 else None,
    )


def _bound(upper: Any, series: Series) -> float:
    bound = upper if type(upper) is float else float(_converted(upper, series))
    if bound != bound or bound == -_INFINITE:  # noqa: PLR0124 - NaN
        raise RefusedSample("S-21", "histogram", f"{series}: {bound} is not an upper bound")
    return bound + 0.0  # -0.0 and 0.0 are one bound


def add(one: Value, other: Value) -> Value:
    """Add two values of one cumulative metric."""
    if isinstance(one, HistogramValue) or isinstance(other, HistogramValue):
        return merge(_is_histogram(one), _is_histogram(other))
    return one + other


def subtract(later: Value, earlier: Value) -> Value:
    """Return the increase between two readings of one series, without a reset between them."""
    if isinstance(later, HistogramValue) or isinstance(earlier, HistogramValue):
        return difference(_is_histogram(later), _is_histogram(earlier))
    return later - earlier


def fell(later: Value, earlier: Value) -> bool:
    """Tell whether there was a reset between ``earlier`` and ``later``."""
    if not isinstance(later, HistogramValue):
        return later < earlier  # type: ignore[operator]
    return later.fell_since(_is_histogram(earlier))


def in_range(value: Value) -> bool:
    """Tell whether a sum of values is still in the range of a snapshot's values."""
    if isinstance(value, HistogramValue):
        return value.count < 2**63 and (value.sum is None or in_range(value.sum))
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return value - value == 0.0


def _is_histogram(value: Value) -> HistogramValue:
    assert isinstance(value, HistogramValue)  # noqa: S101 - one series has one kind
    return value
