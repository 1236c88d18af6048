"""What the pages tell a newcomer to do, done from an empty folder."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples.pages import PAGES, ROOT, blocks
from tests.examples.walk import Walk, commands, pattern
from tests.support.command import environment
from tests.support.servers import Carbon, Pushgateway
from tests.support.unique import service
from tests.wiring.rig import need

NEEDED = {
    "applications/celery": ("celery",),
    "applications/django": ("django-admin", "gunicorn"),
    "applications/fastapi": ("fastapi", "uvicorn"),
    "applications/flask": ("flask", "gunicorn"),
    "applications/gunicorn": ("gunicorn",),
    "applications/jobs": (),
    "applications/uvicorn": ("uvicorn",),
    "applications/uwsgi": ("uwsgi",),
    "install": (),
    "migrating/prometheus-client": ("prometheus_client",),
    "migrating/statsd": ("statsd",),
    "operators/adapters": (),
    "operators/upgrading": (),
    "servers": ("uvicorn",),
}
"""Pages, and the programs that their readers install."""
WALKED = {f"docs/{page}.md" for page in (*NEEDED, "index", "jobs")}
"""Those that are walked below."""
BEFORE = {"operators/upgrading": '[adapters.prometheus]\nlisten = "127.0.0.1:9464"\n'}
"""The configuration that the readers of a page have already."""


@pytest.mark.server
@pytest.mark.parametrize("page", NEEDED)
def test_a_page_can_be_walked_through(
    page: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Each command prints what the page says, and nothing fails when it ends."""
    for program in NEEDED[page]:
        need(request, program)
    if page in BEFORE:
        (tmp_path / "sampler.toml").write_text(BEFORE[page])
    path = ROOT / f"docs/{page}.md"
    here = stores(path, tmp_path, request) if page == "applications/jobs" else {}
    Walk(path, tmp_path, here).walk()


def stores(page: Path, folder: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    """Start a gateway, and a carbon with a page's files; return what stands for theirs here."""
    launch = request.getfixturevalue("launch")
    texts = [text for language, text in blocks(page) if language == "ini"]
    schemas, aggregation = texts
    retention = schemas.partition("retentions = ")[2].strip()
    carbon = launch(Carbon, retention=retention, aggregation=aggregation)
    return {
        "9091": str(launch(Pushgateway).port),
        "2003": str(carbon.line_port),
        "/var/lib/graphite/whisper/jobs/load": f"{carbon.whisper}/jobs/load_{service(folder)}",
    }


@pytest.mark.netns
def test_the_first_page_can_be_walked_through(tmp_path: Path) -> None:
    """In a network namespace: `sampler run` without a configuration has always the same port."""
    room = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$0" "$@"']
    walk = [sys.executable, "-m", "tests.examples.walk", ROOT / "docs/index.md", tmp_path]
    done = subprocess.run(
        [*room, *walk, "--seconds 10=--seconds 1"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr


def test_the_jobs_of_their_page_leave_in_a_gateway_what_it_says(launch, tmp_path: Path) -> None:
    """Three metrics or more of any command, and what Python programs count."""
    page, gateway = ROOT / "docs/jobs.md", launch(Pushgateway)
    here = {"9091": str(gateway.port), "tar -c /etc": "tar -c sampler.toml", "/tmp/etc.tar": "e"}
    Walk(page, tmp_path, here).walk()
    samples = gateway.samples()
    found = {name: value for (name, _), value in samples.items()}
    read = [value for (name, _), value in samples.items() if name == "load_records_total"]
    told = re.findall(
        r"^\| `job\.[\w.]+` \| `(job_\w+)` \|", page.read_text("utf-8"), re.MULTILINE
    )
    assert len(told) >= 3
    assert set(told) <= set(found)
    assert (found["backup_files_total"], found["backup_size_bytes"]) == (12, 51_200)
    assert sorted(read) == [200, 1_800]


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/applications/*.md")), ids=lambda p: p.stem)
def test_every_page_for_an_application_is_walked_through(page: Path) -> None:
    """Each is in the table above."""
    assert page.stem == "index" or f"applications/{page.stem}" in NEEDED


@pytest.mark.parametrize(
    ("printed", "said", "same"),
    [
        ("a 12\n", "a 3.5\n", True),
        ("a 12\n", "b 12\n", False),
        ("a 12\n", "a 12\nb\n", False),
        ("a ... b\n", "a and b\n", True),
        ("a ... b\n", "a\nb\n", False),
        ("a\n...\n", "a\n", True),
        ("a\n...\nd\n", "a\nb\nc\nd\n", True),
        ("a\n...\nd\n", "a\nb\nc\n", False),
        ("and ...\n", "and so on\nand on\n", False),
        ("", "a\n", False),
    ],
)
def test_what_is_printed_is_compared(printed: str, said: str, same: bool) -> None:
    """A walk cannot pass by looking away."""
    assert bool(re.fullmatch(pattern(printed), said)) is same


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_command_of_a_block_asks_what_the_same_block_starts(page: Path) -> None:
    """It needs that to be up, and whoever pastes a block does not wait."""
    for language, text in blocks(page):
        if language == "console":
            starting = [command.line.endswith("&") for command in commands(text)]
            assert starting == sorted(starting)
