"""What is known of the other end, and which of its series are looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler.cli.top.figures import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampler.cli.top.client import Client

POINTS = 20
"""Points of a series that are asked for."""
_SHORT = 8
"""Characters that all values of a label begin with, from which on they are left out."""


class Model:
    """What was asked last.

    Args:
        client: whom to ask.
        plain: texts are ASCII only.

    Attributes:
        now: as of ``now.json``; empty before the first answer.
        found: the series that match the search, in the order in which they are shown.
        values: points by the number of a series.
        wanted: the words of the search.
    """

    def __init__(self, client: Client, *, plain: bool = False) -> None:
        self.now: dict[str, Any] = {}
        self.found: list[Series] = []
        self.values: dict[str, Any] = {}
        self.wanted: str = ""
        self._client = client
        self._plain = plain
        self._catalogue = -1
        self._series: list[Series] = []

    def refresh(self) -> None:
        """Ask what is so now, and for the series if they have changed.

        Raises:
            NoAnswerError: nobody answers.
        """
        now = self._client.get("now.json")
        if now["catalogue"] != self._catalogue:
            table = self._client.get("series.json")
            self._series = named(table["series"], plain=self._plain)
            self._catalogue = table["catalogue"]
            self.search(self.wanted)
        self.now = now

    def fetch(self, shown: Sequence[Series]) -> None:
        """Ask for the points of the series that are shown.

        Raises:
            NoAnswerError: nobody answers; not where the series have changed meanwhile.
        """
        if not shown:
            return
        ids = ",".join(str(each.number) for each in shown)
        answer = self._client.get(f"values.json?points={POINTS}&gone=skip&ids={ids}")
        self.values = answer["values"]

    def search(self, wanted: str) -> None:
        """Find the series in whose name and labels all words are."""
        self.wanted = wanted
        words = wanted.lower().split()
        self.found = [each for each in self._series if all(w in each.haystack for w in words)]

    @property
    def series_count(self) -> int:
        """How many series there are, those that are not kept included."""
        return int(self.now.get("series_count", len(self._series)))


class Series:
    """One series.

    Attributes:
        number: its id.
        name: its full name, as a terminal may have it.
        labels: likewise, in three lengths: all; those that tell it apart from others of its name;
            of these without the beginning that all have.
        kind: its kind.
        unit: its unit.
        rank: the place of its sampler among others: the lowest comes first.
        haystack: what is searched.
    """

    __slots__ = ("haystack", "kind", "labels", "name", "number", "rank", "unit")

    def __init__(
        self, described: dict[str, Any], begins: dict[str, int], *, plain: bool = False
    ) -> None:
        labels = described["labels"]
        order = sorted(labels, key=lambda key: (key not in begins, key))
        pairs = [f"{key}={labels[key]}" for key in order]
        dots = "~" if plain else "\u2026"
        short = [
            f"{key}={dots}{labels[key][begins[key] :]}" if begins[key] > _SHORT else pair
            for key, pair in zip(order, pairs, strict=True)
            if key in begins
        ]
        self.number: int = int(described["id"])
        self.name: str = clean(described["name"], plain=plain)
        apart = pairs[: len(short)] or pairs
        self.labels: list[str] = [
            clean(" ".join(each), plain=plain) for each in (pairs, apart, short or pairs)
        ]
        self.kind: str = str(described["kind"])
        self.unit: str = clean(described["unit"], plain=plain)
        self.rank: int = int(described["rank"])
        self.haystack: str = f"{described['name']} {' '.join(pairs)}".lower()


def named(described: list[dict[str, Any]], *, plain: bool = False) -> list[Series]:
    """Return series by their samplers' ranks, the program's own first, and by name."""
    values: dict[str, dict[str, set[str]]] = {}
    for each in described:
        seen = values.setdefault(each["name"], {})
        for key, text in each["labels"].items():
            seen.setdefault(key, set()).add(text)
    begins = {
        name: {
            key: _common(min(texts), max(texts)) for key, texts in labels.items() if len(texts) > 1
        }
        for name, labels in values.items()
    }
    found = [Series(each, begins[each["name"]], plain=plain) for each in described]
    found.sort(key=lambda each: (each.rank, each.name, each.labels[0]))
    return found


def _common(first: str, last: str) -> int:
    """Return how many characters two texts begin with alike: of sorted ones, all in between do."""
    pairs = enumerate(zip(first, last, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(first), len(last)))
