"""The README's command for a web server of many processes does what the README says."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.support.command import environment
from tests.support.ports import HOST, free_port
from tests.support.unique import service
from tests.support.waiting import wait_for
from tests.wiring.rig import need

ROOT = Path(__file__).parents[2]
ORDERS = 40


def readme_command() -> list[str]:
    """Return the command that follows ``uv run --group servers`` in the README."""
    found = re.search(
        r"^\$ uv run --group servers (sampler run .*)$",
        (ROOT / "README.md").read_text(),
        re.MULTILINE,
    )
    assert found is not None
    return shlex.split(found[1])


@pytest.mark.server
def test_totals_of_all_workers_are_on_one_page(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The application, preloaded in four workers, knows of no agent."""
    need(request, "gunicorn")
    shop, page = free_port(), free_port()
    words = readme_command()
    file = ROOT / words[words.index("-c") + 1]
    config = tmp_path / "sampler.toml"
    text = file.read_text().replace('"shop"\n', f'"{service(tmp_path)}"\n', 1)
    config.write_text(text.replace("127.0.0.1:9464", f"{HOST}:{page}"))
    words = [
        str(config) if word.startswith("examples/") and "toml" in word else word for word in words
    ]
    words = [*words, "-b", f"{HOST}:{shop}"]

    def total() -> float:
        with urllib.request.urlopen(f"http://{HOST}:{page}/metrics", timeout=30) as answer:
            found = re.search(rb"^shop_orders_total (\S+)", answer.read(), re.MULTILINE)
        return float(found[1]) if found else 0.0

    def ordered() -> bool:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{shop}/buy", timeout=30) as answer:
                return answer.read() == b"thanks\n"
        except OSError:
            return False

    with subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env=environment(PATH=f"{Path(sys.executable).parent}:/usr/bin:/bin"),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            wait_for(ordered, 30, "the shop")
            for _ in range(ORDERS - 1):
                assert ordered()
            wait_for(lambda: total() == ORDERS, 30, f"{ORDERS} orders on the page")
            assert total() == ORDERS
        finally:
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
