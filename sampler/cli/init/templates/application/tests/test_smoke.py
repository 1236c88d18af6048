"""The application answers, its orders are counted, and its configuration is fine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ask import ask

if TYPE_CHECKING:
    from sampler.testing import Grown

ROOT = Path(__file__).parents[1]


def test_an_order_is_answered_and_counted(sampler_increases: Grown) -> None:
    """By its item, with its duration."""
    assert ask("/order/tea") == (200, "Tea")
    ordered = "mypackage.orders", {"item": "tea"}
    assert sampler_increases[ordered] == 1
    duration = sampler_increases["mypackage.duration"]
    assert duration.count == 1


def test_what_is_not_on_the_menu_is_not_counted(sampler_increases: Grown) -> None:
    """A stranger's path must not become a label."""
    assert ask("/order/gold")[0] == 404
    ordered = "mypackage.orders", {"item": "gold"}
    assert sampler_increases[ordered] == 0


def test_the_configuration_is_fine() -> None:
    """As `sampler check` says."""
    command = [sys.executable, "-m", "sampler", "check", "--no-network"]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
