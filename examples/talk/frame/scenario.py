"""What a scenario is: a claim of the talk, signals, and a play that shows which of them tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from examples.talk.frame.stage import Stage
    from examples.talk.frame.timeline import Window


class Role(Enum):
    """What a signal is to its scenario."""

    SEEN = "clients see"
    RISES = "rises"
    MISLEADS = "misleads"


SEEN, RISES, MISLEADS = Role


@dataclass(frozen=True)
class Signal:
    """A line of the table, and a panel of the chart.

    Attributes:
        key: what claims call it.
        title: what it is.
        role: what it is to the scenario.
        read: what a stretch of time says of it.
        unit: ``s``, ``By``, ``%`` (of 1), or none.
        metric: where it comes from.
        limit: a line in the chart: what there is of it.
    """

    key: str
    title: str
    role: Role
    read: Callable[[Window], float | None]
    unit: str = ""
    metric: str = ""
    limit: float | None = None


Figures = dict[str, dict[str, float]]
"""Signal to phase to value; what was not seen is missing."""


@dataclass(frozen=True)
class Claim:
    """A sentence that holds or does not.

    Attributes:
        text: the sentence; ``{queue[overload]}`` is a figure.
        holds: judges the figures, with wide margins.
    """

    text: str
    holds: Callable[[Figures], bool]


@dataclass(frozen=True)
class Scenario:
    """One claim of the talk, played with real servers.

    Attributes:
        name: of its module, page and chart.
        title: the claim, in a line.
        play: starts servers and has clients come.
        signals: what is read.
        claims: what is to be seen.
        programs: what must be installed beside gunicorn.
        packages: what the application imports.
        alone: it is about CPU time, so the host must be idle.
        told: the two phases that the essay's table compares; empty: the first two.
    """

    name: str
    title: str
    play: Callable[[Stage], None]
    signals: tuple[Signal, ...]
    claims: tuple[Claim, ...]
    programs: tuple[str, ...] = ("nginx",)
    packages: tuple[str, ...] = ()
    alone: bool = False
    told: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What a play has shown.

    Attributes:
        figures: signal to phase to value.
        phases: their names, in order.
        verdicts: each claim with its figures filled in, and whether it holds.
    """

    figures: Figures
    phases: tuple[str, ...]
    verdicts: tuple[tuple[str, bool], ...] = field(default=())

    @property
    def held(self) -> bool:
        """Whether all claims hold."""
        return all(holds for _, holds in self.verdicts)


def judged(scenario: Scenario, windows: Mapping[str, Window]) -> Outcome:
    """Read the signals of each phase, and judge the claims by them."""
    figures = {
        signal.key: {
            phase: value
            for phase, window in windows.items()
            if (value := signal.read(window)) is not None
        }
        for signal in scenario.signals
    }
    units = {signal.key: signal.unit for signal in scenario.signals}
    said = {
        key: {phase: shown(value, units[key]) for phase, value in values.items()}
        for key, values in figures.items()
    }
    verdicts = []
    for claim in scenario.claims:
        try:
            verdicts.append((claim.text.format(**said), claim.holds(figures)))
        except KeyError as missing:
            verdicts.append((f"{claim.text} (nothing was seen of {missing})", False))
    return Outcome(figures, tuple(windows), tuple(verdicts))


def shown(value: float, unit: str) -> str:
    """Return a figure as people read it."""
    if unit == "%":
        return f"{100 * value:.0f} %"
    if unit == "By":
        return f"{value / 2**20:.0f} MiB"
    if unit == "s":
        return f"{value:.2f} s" if value >= 1 else f"{1e3 * value:.3g} ms"
    return f"{value:.1f}".removesuffix(".0") + unit
