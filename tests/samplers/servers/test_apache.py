"""The samplers ``mod_wsgi``, ``apache`` and ``listener``, in a daemon process of mod_wsgi."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.samplers.servers.daemons import NEW_MOD_WSGI, OLD_MOD_WSGI, PYTHON, ROOT, Apache, there

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.server


@pytest.fixture
def folder() -> Iterator[Path]:
    """Yield a folder that Apache's user may read, with room for the name of a socket."""
    if not ROOT.stat().st_mode & 0o005 or os.geteuid():
        pytest.skip("Apache starts as root, and its user must be able to read this repository")
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o777)
        yield path


@pytest.mark.parametrize(("version", "mpm"), [(4, "event"), (6, "event"), (4, "prefork")])
def test_requests_queue_before_a_daemon_process(
    request: pytest.FixtureRequest, folder: Path, version: int, mpm: str
) -> None:
    """Three threads are busy, two requests wait at its socket, and Apache has a thread for each.

    That is the funnel: more threads in front than behind.
    """
    if version == 4:
        there(request, f"{OLD_MOD_WSGI}-{PYTHON}")
        module, home = OLD_MOD_WSGI, None
    else:
        there(request, ROOT / ".servers" / "mod_wsgi")
        (module, *_), home = NEW_MOD_WSGI, ROOT / ".servers" / "mod_wsgi"
    with Apache(folder, module, home, mpm) as apache:
        apache.tells("mod_wsgi.thread.limit", 3)
        with apache.held(5, "/app/hold"):
            apache.tells("mod_wsgi.request.active", 3)
            apache.tells("listener.backlog.length", 2)
            apache.tells("mod_wsgi.apache.thread.count", lambda n: n >= 5, state="writing")
            apache.tells("apache.thread.count", lambda n: n >= 5, state="writing")
        apache.tells("listener.backlog.length", 0)
        apache.tells("mod_wsgi.request.active", 0)
        apache.tells("mod_wsgi.requests", apache.counted)
        apache.tells("mod_wsgi.busy.time", lambda seconds: seconds > 0)
        apache.tells("apache.requests", lambda n: n >= apache.counted)
        assert apache.told("mod_wsgi.process.limit") == 1
        assert apache.told("apache.thread.limit") is not None
        assert (apache.told("apache.process.count") is not None) == (mpm == "event")
        assert "Traceback" not in apache.log()
