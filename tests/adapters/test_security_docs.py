"""Follows what docs/security.md tells an operator to do."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import environment, running, sampler
from tests.support.ports import accepts, free_port
from tests.support.waiting import wait_for

PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text("utf-8")
TOML = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1]
PYTHON = re.search(r"```python\n# page.py\n(.*?)```", PAGE, re.DOTALL)[1]
COMMANDS = re.findall(r"^\$ (.*)$", PAGE, re.MULTILINE)


def shell(command, folder):
    """Run a command of the page; return what it prints."""
    done = subprocess.run(
        command, shell=True, cwd=folder, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


@pytest.fixture
def folder(tmp_path):
    """Where the first commands of the page have been typed."""
    for program in ("openssl", "curl"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program} here")
    for command in COMMANDS[:2]:
        shell(command, tmp_path)
    return tmp_path


def test_the_page_is_opened_as_the_manual_says(folder):
    """A certificate, a password, a check without a complaint, a scrape."""
    port = free_port()
    (folder / "sampler.toml").write_text(TOML.replace("0.0.0.0:9464", f"127.0.0.1:{port}"))
    checked = sampler("check", cwd=folder)
    assert (checked.returncode, checked.stderr) == (0, "")
    (curl,) = (each for each in COMMANDS if each.startswith("curl"))
    with running("run", cwd=folder):
        wait_for(lambda: accepts(port), what="the page")
        text = shell(curl.replace("9464", str(port)), folder)
    assert "process_cpu_time_seconds_total" in text


def test_the_page_is_served_by_a_server_library_as_the_manual_says(folder):
    """Under its own TLS."""
    port = free_port()
    (folder / "page.py").write_text(PYTHON)
    (serve,) = (each for each in COMMANDS if each.startswith("uvicorn"))
    words = serve.replace("9465", str(port)).split()[1:]
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", *words],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: accepts(port), what="uvicorn")
        shell(f"curl -sSf --cacert cert.pem https://localhost:{port}/metrics", folder)
    finally:
        process.terminate()
        process.wait(10)
