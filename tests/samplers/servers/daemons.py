"""Servers that run by themselves: Apache with mod_wsgi, nginx, PostgreSQL and PgBouncer."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import ClassVar

import pytest

from tests.samplers.servers.rig import HERE, Tells
from tests.support.doubles import LineSink
from tests.support.ports import HOST, accepts
from tests.support.process import MissingServerError, Server

ROOT = Path(__file__).parents[3]
MODULES = Path("/usr/lib/apache2/modules")
_INSTALL = "tests/support/install_servers.sh"
_APACHE = """\
LoadModule mpm_{mpm}_module {modules}/mod_mpm_{mpm}.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule status_module {modules}/mod_status.so
LoadModule wsgi_module {module}
ServerRoot {folder}
ServerName {host}
Listen {host}:{port}
PidFile {folder}/apache.pid
ErrorLog {folder}/output.log
WSGISocketPrefix {folder}/wsgi
User www-data
Group www-data
<Location /server-status>
SetHandler server-status
</Location>
<Directory {folder}>
Require all granted
</Directory>
WSGIDaemonProcess shop processes=1 threads=3 server-metrics=On {more}
WSGIProcessGroup shop
WSGIImportScript {folder}/begin.py process-group=shop application-group=%{{GLOBAL}}
WSGIScriptAlias /app {folder}/held.py application-group=%{{GLOBAL}}
"""
_BEGIN = """\
import os, sys
sys.path[:0] = {path!r}
os.environ["RELEASE"] = {release!r}
import sampler
sampler.agent.start({config!r})
"""


def there(request: pytest.FixtureRequest, *paths: Path | str) -> None:
    """Skip a test, or with --require-servers fail it, where a file or program is missing."""
    for path in paths:
        found = shutil.which(path, path=f"{os.environ['PATH']}:/usr/sbin:/usr/bin")
        if not (Path(path).exists() or found):
            reason = f"{path} is missing: {_INSTALL}"
            if request.config.getoption("--require-servers"):
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)


class Apache(Tells, Server):
    """Apache with one daemon process of mod_wsgi, whose agent reports to Graphite.

    Args:
        directory: where www-data may read.
        module: mod_wsgi.
        home: the Python environment; None: the system's.
        mpm: how Apache runs: ``event``, or ``prefork``.
    """

    install: ClassVar[str] = _INSTALL

    def __init__(
        self, directory: Path, module: Path, home: Path | None = None, mpm: str = "event"
    ) -> None:
        super().__init__(directory, 1)
        self.lines = LineSink()
        self.port = self.ports[0]
        self.said = directory / "output.log"
        (directory / "sampler.toml").write_text(f"""
            interval = 0.5
            [samplers]
            enable = ["mod_wsgi", "listener", "apache"]
            [samplers.settings.apache]
            url = "http://{HOST}:{self.port}/server-status?auto"
            [adapters.graphite]
            port = {self.lines.port}
            tags = true
        """)
        site = sysconfig.get_paths()
        begin = _BEGIN.format(
            path=[str(ROOT), str(ROOT / "adapters"), site["purelib"], site["platlib"]],
            release=str(directory / "release"),
            config=str(directory / "sampler.toml"),
        )
        (directory / "begin.py").write_text(begin)
        shutil.copy(HERE / "held.py", directory)
        (directory / "apache.conf").write_text(
            _APACHE.format(
                modules=MODULES,
                module=module,
                mpm=mpm,
                folder=directory,
                host=HOST,
                port=self.port,
                more=f"python-home={home}" if home else "",
            )
        )

    def command(self) -> list[str]:
        """See `Server`."""
        conf = str(self.directory / "apache.conf")
        # Of a process group of its own: prefork's parent ends by a signal to all of its group.
        return ["setsid", self.program("apache2"), "-DFOREGROUND", "-f", conf]

    def ready(self) -> bool:
        """See `Server`."""
        return accepts(self.port)

    def close(self) -> None:
        """See `Server`: Apache's children are ended by Apache."""
        self.stop()
        super().close()
        self.lines.close()


class Postgres(Server):
    """PostgreSQL with the user ``shop`` and the database ``postgres``; PgBouncer beside it.

    Attributes:
        port: of PostgreSQL.
        pooled: of PgBouncer, once :meth:`pool` is called.
    """

    install: ClassVar[str] = _INSTALL

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, 1)
        directory.chmod(0o755)
        self.port = self.ports[0]
        data = directory / "data"
        data.mkdir()
        shutil.chown(data, "postgres", "postgres")
        self.log_file.touch()
        self._run("initdb", "-D", str(data), "-A", "trust", "-U", "shop", "--no-sync")

    def _run(self, name: str, *words: str) -> None:
        subprocess.run(
            ["runuser", "-u", "postgres", "--", tool(name), *words],
            cwd="/",
            check=True,
            capture_output=True,
        )

    def command(self) -> list[str]:
        """See `Server`."""
        data = str(self.directory / "data")
        options = ("-k", "", "-h", HOST, "-p", str(self.port), "-F")
        return [
            "setpriv",
            "--reuid=postgres",
            "--regid=postgres",
            "--clear-groups",
            tool("postgres"),
            "-D",
            data,
            *options,
        ]

    def ready(self) -> bool:
        """See `Server`."""
        return accepts(self.port) and "ready to accept connections" in self.log()

    def close(self) -> None:
        """See `Server`: PostgreSQL ends its processes itself."""
        if self.running:
            self.stop()
        super().close()


class PgBouncer(Server):
    """PgBouncer before a PostgreSQL, with two connections to a database."""

    install: ClassVar[str] = _INSTALL

    def __init__(self, directory: Path, postgres: int) -> None:
        super().__init__(directory, 1)
        directory.chmod(0o755)
        self.port = self.ports[0]
        (directory / "users.txt").write_text('"shop" ""\n"stats" ""\n')
        (directory / "pgbouncer.ini").write_text(
            f"[databases]\npostgres = host={HOST} port={postgres} user=shop\n"
            f"[pgbouncer]\nlisten_addr = {HOST}\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {directory}/users.txt\nstats_users = stats\n"
            "pool_mode = transaction\ndefault_pool_size = 2\n"
        )

    def command(self) -> list[str]:
        """See `Server`."""
        ini = str(self.directory / "pgbouncer.ini")
        return [
            "setpriv",
            "--reuid=postgres",
            "--regid=postgres",
            "--clear-groups",
            self.program("pgbouncer"),
            ini,
        ]

    def ready(self) -> bool:
        """See `Server`."""
        return accepts(self.port)


def tool(name: str) -> str:
    """Return a program of PostgreSQL's newest version, or raise MissingServerError."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if not found:
        raise MissingServerError(f"{name} is not installed: {_INSTALL}")
    return str(found[-1])


NEW_MOD_WSGI = sorted(
    (ROOT / ".servers" / "mod_wsgi").glob("lib/python3*/site-packages/mod_wsgi/server/*.so")
)
OLD_MOD_WSGI = MODULES / "mod_wsgi.so"
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
