"""Every file is short enough to be read at once."""

from __future__ import annotations

from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
FILES = {
    str(file.relative_to(ROOT)): len(file.read_text().splitlines())
    for folder in ("sampler", "adapters")
    for file in sorted((ROOT / folder).rglob("*.py"))
}
WRITTEN = [lines for lines in FILES.values() if lines]
"""Without the wings' empty files, which would make the median look better."""


def test_every_file_has_fewer_than_400_lines() -> None:
    """A longer one has more than one subject: divide it."""
    assert {file: lines for file, lines in FILES.items() if lines >= 400} == {}


def test_the_median_is_below_150_lines() -> None:
    """Of all files of the package and the adapters."""
    assert len(WRITTEN) > 100
    assert median(WRITTEN) < 150


def test_a_sampler_of_a_package_has_at_most_sixty_lines() -> None:
    """Its maintainers read it at a glance, and take it over; what they share is private."""
    samplers = {
        file: lines
        for file, lines in FILES.items()
        if file.startswith("sampler/contrib/") and not file.startswith("sampler/contrib/_")
    }
    assert len(samplers) >= 13
    assert {file: lines for file, lines in samplers.items() if lines > 60} == {}
