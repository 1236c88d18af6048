"""One sample: its parts, and the key of its series."""

from __future__ import annotations

from sampler._contract.declaration import label_text, not_a_label_name, short
from sampler._contract.names import (
    GRAMMAR,
    MAX_LABEL_VALUE,
    MAX_LABELS,
    MAX_NAME,
    OVERFLOW,
    is_name,
    plain_str,
)
from sampler._contract.snapshot import FixedLabels
from sampler._contract.values import RefusedSample, copy_mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sampler._contract.declaration import Declaration
    from sampler._pull.reading import Key


_REMEMBERED = 1_000
"""Metrics with one set of label names each, of which a sampler's names are checked once."""


class Digits:
    """A label value given as an integer: equal to that one, and to no number of another kind."""

    __slots__ = ("_number",)

    def __init__(self, number: int) -> None:
        self._number = number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int) and other == self._number

    def __hash__(self) -> int:
        return hash(self._number)


def split_sample(item: Any) -> tuple[Any, Any, Any]:
    """Return a sample's name, value and labels; its fourth item is :func:`given_description`."""
    size = len(item) if isinstance(item, tuple) else 0
    if size == 2:
        metric, value = item
        return metric, value, None
    if size < 2:
        what = f"expected (name, value[, labels[, description]]), got {short(item)}"
        raise RefusedSample("S-14", "shape", what)
    metric, value, labels = item[:3]
    return metric, value, labels


def given_description(item: tuple[Any, ...]) -> Any:
    """Return what a sample says of its metric: its fourth item, or None."""
    return item[3] if len(item) > 3 else None


class SeriesKeys:
    """Makes the keys of one sampler's series.

    Many series have one metric and one set of label names, so these are checked once.
    """

    def __init__(self, declaration: Declaration) -> None:
        self._declaration = declaration
        self._good: dict[tuple[Any, ...], tuple[str, list[str] | None]] = {}
        """By a metric and its label names as they come: the metric, and the names in order, unless
        they come in order."""

    def of(self, metric: Any, labels: Any) -> tuple[Key, Mapping[str, str | Digits] | None]:
        """Return the key of a sample's series, and its labels as yielded, both of plain objects.

        Raises:
            RefusedSample: a name or a label breaks a clause.
        """
        kind = type(labels)
        if type(metric) is str and kind is FixedLabels:
            good = self._good.get((metric, labels.names))
            if good is not None:
                return (good[0], *labels.names_and_texts()), labels
        elif type(metric) is str and kind is dict:
            raw = labels.copy()
            for name, text in raw.items():  # objects of other types may equal what they are not
                if not (type(name) is type(text) is str and text.isascii()):
                    break
                if not 0 < len(text) <= MAX_LABEL_VALUE:
                    break
            else:
                if (good := self._good.get((metric, *raw))) is not None:
                    names = good[1]
                    if names is None:
                        return (good[0], *raw, *raw.values()), raw
                    return (good[0], *names, *[raw[name] for name in names]), raw
        key, kept = self._checked(metric, labels)
        if kept is not None and OVERFLOW not in kept and len(self._good) < _REMEMBERED:
            names = sorted(kept)
            good = key[0], None if names == list(kept) else names
            if type(kept) is FixedLabels:
                self._good[key[0], kept.names] = good
            else:
                self._good[key[0], *kept] = good
        return key, kept

    def _checked(self, metric: Any, labels: Any) -> tuple[Key, Mapping[str, str | Digits] | None]:
        if not isinstance(metric, str):
            raise RefusedSample("S-03", "name", f"{short(metric)} is not a metric name")
        metric = plain_str(metric)
        if len(self._declaration.name) + 1 + len(metric) > MAX_NAME:
            limit = f"{short(metric)}: a full name has at most {MAX_NAME} characters"
            raise RefusedSample("S-04", "name", limit)
        if not is_name(metric):
            raise RefusedSample(
                "S-03", "name", f"{short(metric)} is not a metric name: use {GRAMMAR}"
            )
        if labels is None:
            return (metric,), None
        if not hasattr(labels, "keys"):
            raise RefusedSample(
                "S-14", "labels", f"{metric}: labels {short(labels)} are not a mapping"
            )
        yielded = copy_mapping(labels, MAX_LABELS)
        if len(yielded) > MAX_LABELS:
            limit = f"{metric}: a sample has at most {MAX_LABELS} labels"
            raise RefusedSample("C-14", "too_many_labels", limit)
        raw: dict[str, str | Digits] = {}
        read: dict[str, str] = {}
        for given, value in yielded.items():
            name = plain_str(given) if is_name(given) else ""
            surplus = name == OVERFLOW and not (len(yielded) == 1 and label_text(value) == "true")
            if not name or len(name) > MAX_NAME or surplus:
                raise RefusedSample("S-03", "label_name", f"{metric}: {not_a_label_name(given)}")
            if name in self._declaration.labels:
                what = f"{metric}: {name!r} is a constant label already"
                raise RefusedSample("S-24", "label_name", what)
            if (text := label_text(value)) is None:
                what = f"{metric}: label {name!r} has {short(value)}"
                raise RefusedSample("S-23", "label_value", what)
            raw[name] = text if isinstance(value, str) else Digits(int(text))
            if text:
                read[name] = text
        kept = labels if type(labels) is FixedLabels else raw
        names = sorted(read)
        return (metric, *names, *[read[name] for name in names]), kept
