"""The pages: people write them, and a play fills in its figures, between two comments."""

from __future__ import annotations

import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from examples.talk.frame.scenario import MISLEADS, RISES, Role, shown
from tests.support.machine import machine
from tests.support.process import Server

if TYPE_CHECKING:
    from collections.abc import Iterable

    from examples.talk.frame.scenario import Outcome, Scenario

HERE = Path(__file__).parents[1]
PAGES = HERE / "pages"
ESSAY = HERE / "README.md"
BEGIN, END = "<!-- made by examples.talk -->\n", "<!-- end -->\n"

NOT_PLAYED = "Not played yet on an idle host.\n"
"""What stands in a page instead of figures, of a scenario that needs one."""


def made(page: Path) -> str:
    """Return what stands between the comments of a page.

    Raises:
        ValueError: it does not have them.
    """
    return _parts(page)[1]


def fill(page: Path, text: str) -> None:
    """Put a text between the comments of a page, and leave the rest as it is."""
    before, _, after = _parts(page)
    page.write_text(f"{before}{BEGIN}{text}{END}{after}", "utf-8")


def _parts(page: Path) -> tuple[str, str, str]:
    text = page.read_text("utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"{page}: expected one line {BEGIN.strip()!r} and one {END.strip()!r}")
    before, _, rest = text.partition(BEGIN)
    inside, _, after = rest.partition(END)
    return before, inside, after


def of_scenario(scenario: Scenario, outcome: Outcome, when: str, busy: float) -> str:
    """Return the figures of a page.

    Args:
        scenario: what was played.
        outcome: what it has shown.
        when: the day.
        busy: which part of the host's CPU others used before.
    """
    phases = " | ".join(outcome.phases)
    lines = [
        f"![{scenario.title}]({scenario.name}.svg)",
        "",
        f"| | | {phases} |",
        "|---|---|" + "---:|" * len(outcome.phases),
    ]
    for signal in scenario.signals:
        values = outcome.figures[signal.key]
        cells = [
            shown(values[phase], signal.unit) if phase in values else ""
            for phase in outcome.phases
        ]
        name = f"{signal.title}, `{signal.metric}`" if signal.metric else signal.title
        lines.append(f"| {signal.role.value} | {name} | {' | '.join(cells)} |")
    lines.append("")
    for text, holds in outcome.verdicts:
        lines.append(f"* {'**Held.**' if holds else '**Did not hold.**'} {text}")
    alone = "" if busy < 0.15 else " (so times are longer than on an idle one)"
    lines += [
        "",
        (
            f"Played on {when}, on {machine()}: CPython {platform.python_version()}, "
            f"{', '.join(_versions(scenario))}. Before it began, others used "
            f"{busy:.0%} of the host's CPU{alone}."
        ),
    ]
    return "\n".join(lines) + "\n"


def row(scenario: Scenario, outcome: Outcome) -> str:
    """Return the line of a scenario in the essay's table."""
    first, second, *_ = scenario.told or outcome.phases
    held = "held" if outcome.held else "**did not hold**"
    cells = [f"[{scenario.title}](pages/{scenario.name}.md)", held, f"{first} → {second}"]
    cells += [_changes(scenario, outcome, role, first, second) for role in (RISES, MISLEADS)]
    return f"| {' | '.join(cells)} |"


def _changes(scenario: Scenario, outcome: Outcome, role: Role, first: str, second: str) -> str:
    found = []
    for signal in scenario.signals:
        values = outcome.figures[signal.key]
        if signal.role is role and {first, second} <= values.keys():
            before, after = (shown(values[phase], signal.unit) for phase in (first, second))
            found.append(f"{signal.title.partition(',')[0]} {before} → {after}")
    return "; ".join(found[:2])


def table(rows: Iterable[str], order: list[str]) -> str:
    """Return the essay's table with new rows; those that were not played again stay.

    Args:
        rows: new ones.
        order: names of all scenarios.
    """
    found = {}
    for each in [*made(ESSAY).splitlines(), *rows]:
        if name := re.search(r"\(pages/(\w+)\.md\)", each):
            found[name[1]] = each
    head = ["| claim | here | from → to | what rises | what misleads |", "|---|---|---|---|---|"]
    return "\n".join([*head, *(found[name] for name in order if name in found)]) + "\n"


def _versions(scenario: Scenario) -> Iterable[str]:
    for package in ("gunicorn", *scenario.packages):
        yield f"{package} {version(package)}"
    for program in scenario.programs:
        done = subprocess.run(  # noqa: S603 - a server's name
            [Server.program(program), "-v" if program == "nginx" else "--version"],
            capture_output=True,
            text=True,
            check=False,
        )
        said = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
        yield f"{program} {said[0] if said else ''}".strip()
