"""docs/talk.md beside six peers: what they tell is in their sources, and figures are of a run."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.bench.web_table import MARKS, PEERS, Peer, table

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/talk.md").read_text("utf-8")


def source(package: str) -> str:
    """Return the text of an installed package; skip where it is not."""
    try:
        spec = find_spec(package)
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.submodule_search_locations is None:
        pytest.skip(f"{package} is not installed: uv sync --group bench")
    files = (path for folder in spec.submodule_search_locations for path in _files(folder))
    return "\n".join(path.read_text("utf-8") for path in files)


def _files(folder: str) -> list[Path]:
    return sorted(Path(folder).rglob("*.py"))


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.title)
def test_a_peer_tells_what_the_table_says(peer: Peer) -> None:
    """Each metric is in its source, as the table's evidence spells it."""
    text = source(peer.package)
    assert [name for name in peer.shows.values() if name not in text] == []


@pytest.mark.parametrize(
    ("package", "pattern"),
    [
        ("django_prometheus", r'"(django_(?:http|db|cache|migrations|model)_\w+)"'),
        ("prometheus_flask_exporter", r"'%s(http_request_\w+)' % prefix"),
    ],
)
def test_each_metric_of_theirs_has_a_row(package: str, pattern: str) -> None:
    """Whether there is one of ours or not."""
    theirs = set(re.findall(pattern, source(package)))
    assert len(theirs) > 1
    rows = re.findall(r"^\| (`.+?) \| ", PAGE, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert theirs - named == set()


def test_the_table_is_of_the_committed_run() -> None:
    """``python -m tests.bench --rewrite`` puts it there."""
    begin, end = MARKS
    numbers = json.loads((ROOT / "docs/bench/python3.11.json").read_text())["numbers"]
    assert PAGE.partition(begin)[2].partition(end)[0] == table(numbers)


def test_who_was_not_measured_has_no_row() -> None:
    """And all of them where nothing was."""
    assert len(table({}).splitlines()) == 3
    some = table({"web/flask/ours": 1e3, "web/flask/prometheus-flask-exporter": 4e4})
    assert "| prometheus-flask-exporter | Flask | 40.0 µs | 1.0 µs | 4: #3, #5, #6, #35 |" in some
