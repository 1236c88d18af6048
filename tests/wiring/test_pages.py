"""A page that is mounted in an application: whichever worker answers, it is the page of all."""

from __future__ import annotations

import os
import re
import signal
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.support.ports import HOST
from tests.support.waiting import wait_for
from tests.wiring.rig import LIMIT, Run, need, running

pytestmark = pytest.mark.server

GUNICORN = ("gunicorn", "-w", "2", "-b", "127.0.0.1:{port}", "--preload", "web_page:application")
COMMANDS = {
    "gunicorn --preload": GUNICORN,
    "gunicorn gevent": (*GUNICORN[:-2], "-k", "gevent", "web_page:application"),
    "uvicorn --workers": (
        *("uvicorn", "--workers", "2", "--port", "{port}", "--log-level", "warning"),
        "web_page:asgi",
    ),
}


def scraped(run: Run) -> dict[str, float]:
    """Return a page by samples and labels."""
    with urllib.request.urlopen(f"http://{HOST}:{run.port}/metrics", timeout=LIMIT) as answer:
        text = answer.read().decode()
    rows = re.findall(r"^([^#\s]\S*) (\S+)", text, re.MULTILINE)
    return {name: float(value) for name, value in rows}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_mounted_page_has_the_totals(
    request: pytest.FixtureRequest, tmp_path: Path, name: str
) -> None:
    """Also of a worker that has ended; every worker answers the same."""
    need(request, COMMANDS[name][0])
    with running(tmp_path, *COMMANDS[name]) as run:
        run.up(2)
        run.load()

        def all_agree() -> bool:
            found = [scraped(run) for _ in range(4)]
            wanted = {"shop_things_total": run.counted, "pool_checkouts_total": run.counted}
            return all(wanted.items() <= page.items() for page in found)

        wait_for(all_agree, LIMIT, "all pages to have the totals")
        assert scraped(run)["server_process_current"] == 2
        pid = run.get()
        wait_for(all_agree, LIMIT, "the last one")
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: scraped(run)["server_process_starts_total"] == 3, LIMIT, "another worker")
        wait_for(all_agree, LIMIT, "all pages to have the totals")
        run.end()


def test_a_page_says_that_the_relay_does_not_answer(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """With 503, and without a traceback; the application serves on."""
    need(request, "gunicorn")
    with running(tmp_path, *GUNICORN) as run:
        run.up(2)
        (relay,) = [pid for pid, line in run.left().items() if "--listen-fd" in line]
        os.kill(relay, signal.SIGSTOP)
        stat = Path(f"/proc/{relay}/stat")
        wait_for(lambda: ") T " in stat.read_text(), LIMIT, "the relay to stop")
        with pytest.raises(urllib.error.HTTPError) as refused:
            scraped(run)
        assert refused.value.code == 503
        assert b"relay @" in refused.value.read()
        run.get()
        os.kill(relay, signal.SIGCONT)
        wait_for(lambda: scraped(run)["shop_things_total"] == run.counted, LIMIT, "the page")
        run.end()
        assert "Traceback" not in run.said.read_text()


def test_without_a_relay_a_page_names_its_worker(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """And one line of each worker's log says so."""
    need(request, "gunicorn")
    run = Run(tmp_path, GUNICORN, relay=False)
    try:
        run.up()
        run.load(10)

        def pages() -> set[str]:
            found = {name for _ in range(8) for name in scraped(run) if "things" in name}
            assert all(re.fullmatch(r'shop_things_total\{process="\d+"\}', n) for n in found)
            return found

        wait_for(lambda: len(pages()) == 2, LIMIT, "both workers")
        assert run.end() == 0
        assert run.said.read_text().count("has the numbers of one worker") == 2
    finally:
        run.close()
