"""What is known of the other end, and which of its series are looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler.cli.top.figures import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampler.cli.top.client import Client

POINTS = 20
"""Points of a series that are asked for."""


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
        labels: likewise, those first that tell it apart from others of its name.
        kind: its kind.
        unit: its unit.
        haystack: what is searched.
    """

    __slots__ = ("haystack", "kind", "labels", "name", "number", "unit")

    def __init__(self, described: dict[str, Any], apart: set[str], *, plain: bool) -> None:
        labels = described["labels"]
        order = sorted(labels, key=lambda key: (key not in apart, key))
        pairs = [f"{key}={labels[key]}" for key in order]
        self.number = int(described["id"])
        self.name = clean(described["name"], plain=plain)
        self.labels = clean(" ".join(pairs), plain=plain)
        self.kind = str(described["kind"])
        self.unit = clean(described["unit"], plain=plain)
        self.haystack = f"{described['name']} {' '.join(pairs)}".lower()


def named(described: list[dict[str, Any]], *, plain: bool) -> list[Series]:
    """Return series, by name, the agent's own last."""
    values: dict[str, dict[str, set[str]]] = {}
    for each in described:
        seen = values.setdefault(each["name"], {})
        for key, text in each["labels"].items():
            seen.setdefault(key, set()).add(text)
    apart = {
        name: {key for key, texts in labels.items() if len(texts) > 1}
        for name, labels in values.items()
    }
    found = [Series(each, apart[each["name"]], plain=plain) for each in described]
    found.sort(key=lambda each: (each.name.startswith("sampler."), each.name, each.labels))
    return found
