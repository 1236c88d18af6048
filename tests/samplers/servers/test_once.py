"""Samplers that need no worker, and Celery's, which needs each of them, under a relay."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.samplers.servers.rig import Served, serving
from tests.samplers.servers.test_pages import NGINX, Answering, page
from tests.support.ports import HOST, free_port
from tests.wiring.rig import need
from tests.wiring.test_programs import ask

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.server


@pytest.mark.parametrize(
    "enable", [["gunicorn", "nginx", "apache"], ["g*unicorn", "ngin*", "ap?che"]]
)
def test_what_needs_no_worker_is_read_by_the_relay_once(
    request: pytest.FixtureRequest, tmp_path: Path, enable: list[str]
) -> None:
    """A page that is gone is one line, not one a worker; workers are not told of the sampler."""
    need(request, "gunicorn")
    gone = f"http://{HOST}:{free_port()}/status"
    with Answering(page(NGINX.encode())) as url:
        samplers = f"""
            enable = {json.dumps(enable)}
            [samplers.settings.nginx]
            url = "{url}"
            [samplers.settings.apache]
            url = "{gone}"
        """
        words = ("gunicorn", "-w", "2", "-b", "127.0.0.1:{port}", "held:application")
        with serving(tmp_path, *words, toml=samplers, workers=2) as run:
            run.tells("nginx.connection.count", 1, state="reading")
            run.tells("nginx.connection.active", 3)
            run.load(5)
            run.tells("gunicorn.requests", run.counted)
            said = run.said.read_text()
            assert said.count("sampler 'apache'") == 1, said
            assert said.count(f"BadPageError: {gone}") == 1, said
            assert "nginx" not in said, said


@pytest.mark.parametrize("pool", [("-c", "2"), ("-P", "threads")])
def test_celery_tells_the_tasks_of_all_its_processes(
    request: pytest.FixtureRequest, tmp_path: Path, pool: tuple[str, ...]
) -> None:
    """As many as were asked for, and how long they took."""
    need(request, "celery")
    for name in ("q", "control", "done"):
        (tmp_path / name).mkdir()
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "warning")
    words = ("celery", "-A", "tasks", "worker", *quiet, *pool)
    run = Served(tmp_path, words, toml='enable = ["celery"]')
    try:
        ask(tmp_path, "tasks.py", "30")
        run.tells("celery.tasks", 30, task="tasks.work", state="success")
        run.tells("celery.task.active", 0)
        if pool == ("-P", "threads"):
            run.tells("celery.task.reserved", 0)
        else:
            assert run.told("celery.task.reserved") is None
        assert run.end() == 0
        assert run.told("celery.tasks", task="tasks.work", state="success") == 30
    finally:
        run.close()


def test_how_long_django_took_to_start_is_noted_before_any_sampler_is_there(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """With what its application took; connections and lazy imports come with requests."""
    need(request, "django")
    need(request, "gunicorn")
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow" / "__init__.py").write_text("import time\ntime.sleep(0.4)\n")
    (tmp_path / "site_of_django.py").write_text(
        "import django, os\n"
        "from django.conf import settings\n"
        "settings.configure(INSTALLED_APPS=['slow'], ROOT_URLCONF='urls_of_django',\n"
        "    ALLOWED_HOSTS=['*'], DATABASES={'default': {'ENGINE':\n"
        "    'django.db.backends.sqlite3', 'NAME': 'db'}})\n"
        "from django.core.wsgi import get_wsgi_application\n"
        "application = get_wsgi_application()\n"
    )
    (tmp_path / "urls_of_django.py").write_text(
        "import os\n"
        "from django.db import connection\n"
        "from django.http import HttpResponse\n"
        "from django.urls import path\n"
        "def index(request):\n"
        "    with connection.cursor() as cursor:\n"
        "        cursor.execute('SELECT 1')\n"
        "    return HttpResponse(str(os.getpid()))\n"
        "urlpatterns = [path('', index)]\n"
    )
    words = ("gunicorn", "--preload", "-w", "2", "-b", "127.0.0.1:{port}", "--no-control-socket")
    with serving(tmp_path, *words, "site_of_django:application", toml="", workers=2) as run:
        run.load(10)
        run.tells("django.setup.duration", lambda seconds: 0.4 <= seconds < 30)
        # Preloaded or not, each worker imports the URLs in its first request.
        run.tells("django.modules.lazy", lambda modules: modules >= 1)
        run.tells("django.connections", run.counted, alias="default", vendor="sqlite")
