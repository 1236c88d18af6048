"""The fixture that tells what has grown in a test, over groups that modules have made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULE = """
import sampler
shop = sampler.Instruments("shop")
orders = shop.counter("orders", labels=("route",))
wait = shop.histogram("wait", unit="s")
depth = shop.gauge("depth")
total = shop.counter("total")

def place(route):
    orders.inc(route=route)
    wait.observe(0.5)
    depth.inc(2)
"""
TESTS = """
import pytest
import shop

@pytest.mark.parametrize("number", range(6))
def test_orders(sampler_increases, number):
    assert sampler_increases["shop.orders", {"route": "buy"}] == 0
    shop.place("buy")
    assert sampler_increases["shop.orders", {"route": "buy"}] == 1
    for _ in range(number):
        shop.place("buy")
    shop.place("sell")
    assert sampler_increases["shop.orders", {"route": "buy"}] == 1 + number
    assert sampler_increases["shop.orders", {"route": "sell"}] == 1
    assert sampler_increases["shop.wait"].count == 2 + number
    assert sampler_increases["shop.depth"] == 4 + 2 * number
    assert sampler_increases["shop.total"] == sampler_increases["no.such"] == 0
    assert "shop.orders{'route': 'buy'}" in repr(sampler_increases)
"""


def test_what_grew_in_each_test_is_its_own(tmp_path: Path) -> None:
    """One after the other in one process, and in several of xdist."""
    (tmp_path / "shop.py").write_text(MODULE)
    (tmp_path / "test_shop.py").write_text(TESTS)
    for workers in ("0", "2"):
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-p", "sampler.testing.plugin"),
                *("-n", workers, "-p", "no:cacheprovider", "test_shop.py"),
            ],
            cwd=tmp_path,
            env={"PYTHONPATH": f"{ROOT}:{ROOT}/adapters:{tmp_path}", "PATH": ""},
            capture_output=True,
            text=True,
            timeout=110,
        )
        assert "6 passed" in done.stdout, done.stdout + done.stderr
