"""The numbers as a picture: a dot for each contender on a logarithmic scale, a line each row."""

from __future__ import annotations

from html import escape
from math import ceil, floor, log10
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

COLOURS = {
    "ours": "#0b6e4f",
    "prometheus_client": "#e6522c",
    "opentelemetry": "#425cc7",
    "statsd": "#8a8a8a",
    "statsd pipeline": "#b8b8b8",
    "datadog": "#632ca6",
    "pyformance": "#c9a227",
    "aioprometheus": "#d81b78",
    "pytheus, Rust": "#1a1a1a",
}
_SIZE = 10_000
_WIDTH, _LEFT, _RIGHT, _LINE = 860, 230, 30, 26


def chart(numbers: Mapping[str, float], machine: str) -> str:
    """Return an SVG of nanoseconds an event, and a sample of 10 000."""
    rows = _rows(numbers)
    values = [value for _, dots in rows for value in dots.values()]
    there = [name for name in COLOURS if any(name in dots for _, dots in rows)]
    legend, bottom_of_legend = _legend(there)
    top = bottom_of_legend + 20
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    height = top + _LINE * len(rows) + 40

    def x(value: float) -> float:
        return _LEFT + (log10(value) - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    out = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
            'font-family="sans-serif" font-size="13">'
        ),
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        (
            '<text x="16" y="24" font-size="16" font-weight="bold">'
            "Nanoseconds an event, and a sample pulled and encoded (less is better)</text>"
        ),
        f'<text x="16" y="44" fill="#666">{escape(machine)}</text>',
    ]
    out += legend
    bottom = top + _LINE * len(rows)
    for power in range(low, high + 1):
        at = x(10**power)
        out.append(f'<path d="M{at:.1f} {top}V{bottom}" stroke="#ddd"/>')
        out.append(
            f'<text x="{at:.1f}" y="{bottom + 18}" text-anchor="middle" fill="#666">'
            f"{10**power:,}</text>"
        )
    for number, (title, dots) in enumerate(rows):
        y = top + _LINE * number + _LINE / 2
        out.append(f'<text x="{_LEFT - 14}" y="{y + 4:.0f}" text-anchor="end">{title}</text>')
        out.append(
            f'<path d="M{x(min(dots.values())):.1f} {y}H{x(max(dots.values())):.1f}" '
            'stroke="#ccc"/>'
        )
        for name, value in sorted(dots.items(), key=lambda dot: dot[0] == "ours"):
            out.append(
                f'<circle cx="{x(value):.1f}" cy="{y}" r="6" fill="{COLOURS[name]}">'
                f"<title>{escape(name)}: {value:,.0f} ns</title></circle>"
            )
    return "\n".join([*out, "</svg>"]) + "\n"


def _legend(names: list[str]) -> tuple[list[str], int]:
    """Return what says whose a colour is, and where it ends."""
    out, place, line = [], 16.0, 66
    for name in names:
        width = 36 + 7.2 * len(name)
        if place + width > _WIDTH:
            place, line = 16.0, line + 20
        out.append(f'<circle cx="{place + 5:.0f}" cy="{line - 4}" r="5" fill="{COLOURS[name]}"/>')
        out.append(f'<text x="{place + 15:.0f}" y="{line}">{escape(name)}</text>')
        place += width
    return out, line


def _rows(numbers: Mapping[str, float]) -> list[tuple[str, dict[str, float]]]:
    rows: dict[str, dict[str, float]] = {}
    for name, value in numbers.items():
        group, operation, *rest = name.split("/")
        if not rest or rest[-1] not in COLOURS or (group == "pull" and rest[0] != str(_SIZE)):
            continue
        if group == "hot":
            rows.setdefault(operation, {})[rest[-1]] = value
        elif group == "pull" and operation != "churn" and rest[1] in {"0.1", "1"}:
            title = f"{operation}, pull included" if operation != "collect" else operation
            dots = rows.setdefault(title, {})
            dots.setdefault(rest[-1], value)  # with a tenth changing, where there is a choice
    return [(title, dots) for title, dots in rows.items() if dots]
