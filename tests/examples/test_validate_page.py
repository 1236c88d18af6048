"""What `sampler validate` prints on docs/testing.md, for samplers that are as it says."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from tests.examples.pages import ROOT, blocks
from tests.examples.walk import commands, pattern
from tests.support.command import sampler

if TYPE_CHECKING:
    from pathlib import Path

FALLING = """
import time

begun = 0


def sample():  # two pools count; after a second the older one goes, with what it had counted
    global begun
    begun = begun or time.monotonic()
    since = time.monotonic() - begun
    yield "checkouts", int(300 + 50 * since) + (300 if since < 1 else 0)


SAMPLER = {"name": "mypool", "sample": sample, "metrics": {"checkouts": {"kind": "counter"}}}
"""
GROWING = """
checkouts, idle = 0, 0


def use():
    global checkouts, idle
    checkouts, idle = checkouts + 1, idle + 1


def sample():
    yield "checkouts", checkouts
    yield "connections", idle, {"state": "idle"}
    yield "connections", 0, {"state": "used"}


METRICS = {"checkouts": {"kind": "counter"}, "connections": {"labels": ["state"]}}
SAMPLER = {"name": "mypool", "sample": sample, "metrics": METRICS}
"""


def test_the_three_verdicts_of_the_page_are_printed(tmp_path: Path) -> None:
    """A breach, no verdict as nothing grows, and none found; lines may break elsewhere."""
    told = [
        command
        for language, text in blocks(ROOT / "docs/testing.md")
        if language == "console"
        for command in commands(text)
    ]
    for folder in ("mypool", "tests"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").touch()
    (tmp_path / "tests/load.py").write_text("from mypool.metrics import use as use_pool\n")
    for command, module, status in zip(told, (FALLING, GROWING, GROWING), (1, 3, 0), strict=True):
        (tmp_path / "mypool/metrics.py").write_text(module)
        words = shlex.split(command.line)[1:]
        done = sampler(*words, cwd=tmp_path, PYTHONDONTWRITEBYTECODE="1")
        wanted, said = (" ".join(text.split()) for text in (command.printed, done.stdout))
        assert re.fullmatch(pattern(f"{wanted}\n"), f"{said}\n"), (wanted, said)
        assert done.returncode == status, done.stderr
