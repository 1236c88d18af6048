"""The chart: a panel for each signal, all over the same seconds, with the phases behind them.

Text is in the reader's own font, and nothing is fetched.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from examples.talk.frame.scenario import MISLEADS, RISES, SEEN, Scenario, Signal, shown

if TYPE_CHECKING:
    from examples.talk.frame.timeline import Timeline

COLOURS = {SEEN: "#1f4e8c", RISES: "#b3261e", MISLEADS: "#7a7a7a"}
_WIDTH, _LEFT, _RIGHT, _TOP, _PANEL, _GAP = 860, 250, 70, 64, 54, 12
_TORN = 1.6
"""Seconds without a look after which a line does not go on."""


def chart(scenario: Scenario, timeline: Timeline) -> str:
    """Return an SVG of what was read in the course of a play."""
    whole = timeline.end - timeline.begin

    def x(second: float) -> float:
        return _LEFT + second / whole * (_WIDTH - _LEFT - _RIGHT)

    bottom = _TOP + len(scenario.signals) * (_PANEL + _GAP)
    out = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {bottom + 30}" '
            'font-family="sans-serif" font-size="13">'
        ),
        f'<rect width="{_WIDTH}" height="{bottom + 30}" fill="#fff"/>',
        f'<text x="16" y="24" font-size="16" font-weight="bold">{escape(scenario.title)}</text>',
    ]
    for number, phase in enumerate(timeline.phases):
        begin, end = x(phase.begin - timeline.begin), x(phase.end - timeline.begin)
        colour = "#f0f2f5" if number % 2 else "#e3e8ef"
        out.append(
            f'<path d="M{begin:.1f} {_TOP - 8}H{end:.1f}V{bottom}H{begin:.1f}Z" fill="{colour}"/>'
        )
        out.append(
            f'<text x="{(begin + end) / 2:.1f}" y="{_TOP - 16}" text-anchor="middle" '
            f'font-size="12" fill="#333">{escape(phase.name)}</text>'
        )
    for number, signal in enumerate(scenario.signals):
        top = _TOP + number * (_PANEL + _GAP)
        points = [
            (x(second), run, value)
            for second, run, window in timeline.moving()
            if (value := signal.read(window)) is not None
        ]
        out += _panel(signal, points, top, x(_TORN) - _LEFT)
    for second in range(0, int(whole) + 1, 5):
        out.append(
            f'<text x="{x(second):.1f}" y="{bottom + 18}" text-anchor="middle" fill="#666">'
            f"{second} s</text>"
        )
    return "\n".join([*out, "</svg>"]) + "\n"


def _panel(
    signal: Signal, points: list[tuple[float, int, float]], top: int, torn: float
) -> list[str]:
    """Return what shows one signal.

    Args:
        signal: which.
        points: place, number of the server, and value.
        top: where it begins.
        torn: how far apart points are that no line joins.
    """
    colour, bottom = COLOURS[signal.role], top + _PANEL
    most = max([value for *_, value in points] + [signal.limit or 0.0]) or 1.0

    def y(value: float) -> float:
        return bottom - value / most * (_PANEL - 6)

    right = _WIDTH - _RIGHT
    out = [
        f'<text x="16" y="{top + 22}">{escape(signal.title)}</text>',
        f'<text x="16" y="{top + 40}" font-size="12" fill="{colour}">{signal.role.value}</text>',
        f'<path d="M{_LEFT} {bottom}H{right}" stroke="#999"/>',
        (
            f'<text x="{right + 8}" y="{y(most) + 5:.1f}" font-size="12" fill="{colour}">'
            f"{escape(shown(most, signal.unit))}</text>"
        ),
    ]
    if signal.limit is not None:
        at = y(signal.limit)
        out.append(f'<path d="M{_LEFT} {at:.1f}H{right}" stroke="#999" stroke-dasharray="4 4"/>')
    path, before, server = "", 0.0, 0
    for at, run, value in points:
        step = "L" if run == server and at - before < torn else "M"
        path += f"{step}{at:.1f} {y(value):.1f}"
        before, server = at, run
    if path:
        out.append(
            f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2" '
            'stroke-linejoin="round" stroke-linecap="round"/>'
        )
    return out
