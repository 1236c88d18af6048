"""graphite-web of Debian, on gunicorn, over the files of a running carbon-cache."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.error import URLError
from urllib.parse import urlencode

from tests.support.ports import HOST
from tests.support.process import MissingServerError, Server

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.carbon import Carbon

_PYTHON = "/usr/bin/python3"
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))

_SETTINGS = """\
SECRET_KEY = 'loopback-only'
ALLOWED_HOSTS = ['127.0.0.1']
TIME_ZONE = 'UTC'
CONF_DIR = {directory!r}
STORAGE_DIR = {directory!r}
STATIC_ROOT = {directory!r}
LOG_DIR = {directory!r}
INDEX_FILE = {directory!r} + '/index'
WHISPER_DIR = {whisper!r}
STANDARD_DIRS = [{whisper!r}]
CARBONLINK_HOSTS = ['127.0.0.1:{query}']
DATABASES = {{
    'default': {{
        'NAME': {directory!r} + '/graphite.db',
        'ENGINE': 'django.db.backends.sqlite3',
        'OPTIONS': {{'timeout': 20}},
    }}
}}
"""


class GraphiteWeb(Server):
    """A graphite-web on loopback.

    Args:
        directory: where its settings, database and log live.
        carbon: whose files it shows.
        port: where it listens; the carbon was told, so that it announces tags there.
    """

    install: ClassVar[str] = (
        "apt-get install --no-install-recommends graphite-web gunicorn "
        "(or run tests/support/install_servers.sh)"
    )

    def __init__(self, directory: Path, carbon: Carbon, port: int) -> None:
        found = subprocess.run(
            [_PYTHON, "-c", "import graphite, gunicorn"], capture_output=True, check=False
        )
        if found.returncode:
            raise MissingServerError(f"graphite-web is not installed: {self.install}")
        super().__init__(directory, ports=0)
        self.url = f"http://{HOST}:{port}"
        self._port = port
        settings = _SETTINGS.format(
            directory=str(directory), whisper=str(carbon.whisper), query=carbon.query_port
        )
        (directory / "graphite_test_settings.py").write_text(settings)

    def command(self) -> list[str]:
        """Return the command line that migrates, once, and serves."""
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("PYTHON")},
            **self._environment(),
        }
        subprocess.run(
            [_PYTHON, "-m", "django", "migrate", "--run-syncdb", "-v0"],
            env=environment,
            cwd=self.directory,
            capture_output=True,
            check=True,
            timeout=60,
        )
        assigned = [f"{key}={value}" for key, value in self._environment().items()]
        serve = ["-m", "gunicorn.app.wsgiapp", "--bind", f"{HOST}:{self._port}", "--threads", "4"]
        return ["env", *assigned, _PYTHON, *serve, "graphite.wsgi:application"]

    def ready(self) -> bool:
        """Say whether it answers."""
        try:
            self._get("/metrics/index.json", {})
        except (URLError, OSError):
            return False
        return True

    def render(self, target: str) -> dict[str, dict[int, float]]:
        """Return {name: {timestamp: value}} of a target, of the last five minutes."""
        parameters = {"target": target, "format": "json", "from": "-5min", "noNullPoints": "true"}
        return {
            series["target"]: {time: value for value, time in series["datapoints"]}
            for series in self._get("/render", parameters)
        }

    def find(self, query: str) -> list[str]:
        """Return the ids of the nodes that a query with wildcards selects."""
        found = self._get("/metrics/find", {"query": query, "format": "treejson"})
        return sorted(node["id"] for node in found)

    def tags(self) -> list[str]:
        """Return the names of all tags."""
        return sorted(each["tag"] for each in self._get("/tags", {}))

    def _environment(self) -> dict[str, str]:
        return {
            "PYTHONPATH": str(self.directory),
            "GRAPHITE_SETTINGS_MODULE": "graphite_test_settings",
            "DJANGO_SETTINGS_MODULE": "graphite.settings",
        }

    def _get(self, path: str, parameters: dict[str, str]) -> Any:
        with _OPENER.open(f"{self.url}{path}?{urlencode(parameters)}", timeout=20) as answer:
            return json.load(answer)
