"""Foreign names in the grammar of names: valid ones stay, and no two become one."""

from __future__ import annotations

import re
from base64 import b32encode
from hashlib import blake2b
from typing import TYPE_CHECKING

from sampler.bridges._locked import Locked

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 120
"""Longest name, in characters: a full name may have 150, with that of the sampler."""
_WORD = "[a-z][a-z0-9]*(?:_[a-z0-9]+)*"
_VALID = re.compile(rf"{_WORD}(?:\.{_WORD})*")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SEPARATOR = re.compile(r"[./:]+")
_OTHER = re.compile(r"[^a-z0-9]+")
_MOST = 20_000
"""Names that are remembered. Others get a mark each, unless they can stay."""
_MARKS = (8, 26, 52)
"""Characters of the mark that tells two names apart, and of those where that is not enough."""


class Names(Locked):
    """Names of metrics that one bridge has met.

    Backends read ``.`` as ``_``, so two names that only differ in that count as one, too. The
    second is told apart by a mark made of its text; so it is the same in each process.

    Args:
        refused: valid names that may not be used, nor what backends take for one of them.
    """

    _differ_within_a_series = False

    def __init__(self, refused: Iterable[str] = ()) -> None:
        super().__init__()
        self._refused = frozenset(refused)
        self._known: dict[str, str] = {}
        self._given: set[str] = set()
        self._owners: dict[str, str] = {each.replace(".", "_"): "" for each in self._refused}

    def of(self, original: str) -> str:
        """Return the name for a foreign one; always the same."""
        return self._known.get(original) or self._find(original)

    def learn(self, originals: Iterable[str]) -> None:
        """Give names to all of these, first to those that can stay as they are."""
        new = [each for each in originals if each not in self._known]
        for original in sorted(new, key=lambda each: (not self._stays(each), each)):
            self.of(original)

    def _stays(self, name: str) -> bool:
        fits = len(name) <= LONGEST and name not in self._refused
        return fits and _VALID.fullmatch(name) is not None

    def _find(self, original: str) -> str:
        with self._lock:
            if len(self._known) >= _MOST:
                return self._unremembered(original)
            for name in self._candidates(original):
                owner = self._owners.setdefault(name.replace(".", "_"), original)
                if owner == original or self._may_share(name, original):
                    self._known[original] = name
                    self._given.add(name)
                    return name
        raise ValueError(f"no name for {original[:60]!r}")  # hashes of 256 bits have collided

    def _may_share(self, name: str, original: str) -> bool:
        """Tell whether a name may differ from another one in its dots alone."""
        return self._differ_within_a_series and name == original and name not in self._given

    def _unremembered(self, original: str) -> str:
        """Return a name that no other one has: by its own text, or by its longest mark."""
        owner = self._owners.get(original.replace(".", "_"), original)
        *_, marked = self._candidates(original)
        return original if self._stays(original) and owner == original else marked

    def _candidates(self, original: str) -> Iterable[str]:
        name = original if self._stays(original) else readable(original)
        if len(name) <= LONGEST and name not in self._refused:
            yield name
        digest = blake2b(original.encode("utf-8", "surrogatepass"), digest_size=35).digest()
        mark = b32encode(digest).decode().lower()
        for size in _MARKS:
            yield f"{name[: LONGEST - size - 1].rstrip('._')}_{mark[:size]}"


class LabelNames(Names):
    """Names of labels: those of one series have to differ, so a valid one stays."""

    _differ_within_a_series = True

    def __init__(self) -> None:
        super().__init__(("overflow",))


def readable(text: str) -> str:
    """Return the name that is most like a text; different texts may have the same."""
    text = text[: 2 * LONGEST]
    words = (
        _OTHER.sub("_", _HUMP.sub("_", word).lower()).strip("_") for word in _SEPARATOR.split(text)
    )
    lettered = (word if word[0].isalpha() else f"n{word}" for word in words if word)
    return ".".join(lettered) or "unnamed"
