"""docs/losses.md has what each adapter says that its backend cannot carry.

``python -m tests.cli.test_losses_page`` writes its table.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

from sampler.cli.unsupported import unsupported

PAGE = Path(__file__).parents[2] / "docs" / "losses.md"
MARK = "<!-- made by tests.cli.test_losses_page -->\n"
OWN = {"live", "relay"}
"""Adapters whose other side is ours."""


def table() -> str:
    """Return the table: an adapter a row."""
    rows = ["| adapter | does not carry | what happens |", "|---|---|---|"]
    for point in sorted(entry_points(group="sampler.adapters"), key=lambda each: each.name):
        if point.dist is None or point.dist.name != "sampler-api" or point.name in OWN:
            continue
        for word, text in unsupported(point.load()).items():
            rows.append(f"| `{point.name}` | {word} | {text} |")
    return "\n".join(rows) + "\n"


def test_the_page_has_what_each_adapter_declares() -> None:
    """Word by word; the tests of each adapter read back that it is so."""
    assert PAGE.read_text().partition(MARK)[2] == table()


if __name__ == "__main__":
    PAGE.write_text(PAGE.read_text().partition(MARK)[0] + MARK + table())
