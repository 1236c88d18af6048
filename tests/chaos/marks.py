"""The tests that carry each scenario, and on which machines they run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.chaos.scenarios import SCENARIOS
from tests.support import marks
from tests.support.marks import TESTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_LEVELS = {"netns": "B", "long": "C"}


class Marked(NamedTuple):
    """One test.

    Attributes:
        name: as pytest takes it, ``path::name``.
        marks: ``netns`` and ``long``, if it has them.
    """

    name: str
    marks: tuple[str, ...] = ()

    @property
    def level(self) -> str:
        """A: everywhere; B: needs namespaces; C: needs time."""
        return max((_LEVELS[mark] for mark in self.marks), default="A")

    @property
    def command(self) -> str:
        """What runs it, behind ``uv run``."""
        return f"pytest {'-m long ' if 'long' in self.marks else ''}{self.name}"


def marked(folder: Path = TESTS) -> dict[int, list[Marked]]:
    """Return the tests by the numbers they are marked with."""
    found: dict[int, list[Marked]] = {}
    for test in marks.marked("scenario", folder):
        levels = tuple(mark for mark in _LEVELS if mark in test.marks)
        for number in test.values:
            assert isinstance(number, int)
            found.setdefault(number, []).append(Marked(test.name, levels))
    return found


def faults(tests: Mapping[int, list[Marked]]) -> list[str]:
    """Say what is wrong: nothing, when each scenario has a test and each mark names one."""
    said = [f"scenario {number} has no test" for number in SCENARIOS if number not in tests]
    return said + [
        f"{tests[number][0].name} is marked with scenario {number}, which there is not"
        for number in sorted(tests)
        if number not in SCENARIOS
    ]
