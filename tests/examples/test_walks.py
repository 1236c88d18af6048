"""What the pages for applications tell a newcomer to do, done from an empty folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.examples.pages import ROOT, blocks
from tests.examples.walk import Walk
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
    "servers": ("uvicorn",),
}
"""Pages, and the programs that their readers install."""


@pytest.mark.server
@pytest.mark.parametrize("page", NEEDED)
def test_a_page_can_be_walked_through(
    page: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Each command prints what the page says, and nothing fails when it ends."""
    for program in NEEDED[page]:
        need(request, program)
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


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/applications/*.md")), ids=lambda p: p.stem)
def test_every_page_for_an_application_is_walked_through(page: Path) -> None:
    """Each is in the table above."""
    assert page.stem == "index" or f"applications/{page.stem}" in NEEDED
