"""The page's files: all there, all used, none from elsewhere, and what is ours reads no HTML."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import sampler

STATIC = Path(sampler.__file__).parent / "page" / "static"
OURS = sorted(file for file in STATIC.glob("*.js") if not file.name.startswith("uPlot"))
INDEX = (STATIC / "index.html").read_text()
HASHES = {
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}
"""Of the files as npm has them in uPlot 1.6.32: they are kept as they are."""


def test_the_first_file_names_all_others() -> None:
    named = set(re.findall(r'(?:href|src)="([^"#]+\.\w+)"', INDEX))
    there = {file.name for file in STATIC.iterdir()} - {"index.html", "uPlot.LICENSE"}
    assert named == there


def test_nothing_stands_in_the_page_that_its_policy_forbids() -> None:
    assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*src=)|https?:", INDEX)


@pytest.mark.parametrize("file", OURS, ids=lambda file: file.name)
def test_no_script_of_ours_makes_html_of_a_text(file: Path) -> None:
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function"
    assert not re.search(forbidden, file.read_text())


@pytest.mark.parametrize("file", OURS, ids=lambda file: file.name)
def test_a_script_is_short_enough_to_be_read_at_once(file: Path) -> None:
    assert len(file.read_text().splitlines()) < 400


def test_every_script_is_one() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is missing")
    for file in OURS:
        assert subprocess.run([node, "--check", file]).returncode == 0, file


@pytest.mark.parametrize("name", HASHES)
def test_what_is_of_others_is_as_they_made_it(name: str) -> None:
    assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == HASHES[name]
