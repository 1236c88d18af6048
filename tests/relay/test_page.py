"""What docs/relay.md tells operators to do, done."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request

from tests.examples.pages import ROOT, blocks
from tests.support.command import environment, running, sampler
from tests.support.ports import free_port
from tests.support.waiting import wait_for

PAGE = ROOT / "docs/relay.md"


def test_what_the_page_says_works(tmp_path) -> None:
    """Its files are written, its commands run, and the page of the relay has the total."""
    name, port = os.urandom(8).hex(), free_port()
    commands = []
    for language, text in blocks(PAGE):
        mine = text.replace("@shop", f"@{name}").replace(":9464", f":{port}")
        if file := re.match(r"# (\S+)\n", mine):
            (tmp_path / file[1]).write_text(mine)
        if language == "console":
            commands.append(mine.removeprefix("$ ").strip())
    assert commands == ["sampler relay -c relay.toml", f"SAMPLER_RELAY=@{name} python app.py"]

    def orders() -> float:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
                found = re.search(
                    r"^shop_orders_total (\S+)", answer.read().decode(), re.MULTILINE
                )
        except OSError:
            return -1.0
        return float(found[1]) if found else 0.0

    with running("relay", "-c", "relay.toml", cwd=tmp_path):
        wait_for(lambda: orders() == 0.0, what="the page")
        for _ in range(2):
            subprocess.run(
                [sys.executable, "app.py"],
                cwd=tmp_path,
                env=environment(SAMPLER_RELAY=f"@{name}", PYTHONPATH=str(ROOT)),
                check=True,
                timeout=60,
            )
        wait_for(lambda: orders() == 6.0, what="the total of two processes")
    own = [text for _, text in blocks(PAGE) if text.startswith("# sampler.toml")]
    (tmp_path / "sampler.toml").write_text(own[0])
    assert sampler("check", "--no-network", cwd=tmp_path).returncode == 0
