"""Apache with mod_wsgi, which runs as the user www-data."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests.processes.row import Row
from tests.processes.rows.reasons import NO_QUIT, NO_USR2, SIGNALS_END_IT

if TYPE_CHECKING:
    from pathlib import Path

_MODULES = "/usr/lib/apache2/modules"
_CONFIGURATION = """\
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule wsgi_module {modules}/mod_wsgi.so
ServerRoot {folder}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile {folder}/apache.pid
ErrorLog {folder}/log
WSGISocketPrefix {folder}/run/wsgi
User www-data
Group www-data
StartServers 2
ServerLimit 2
ThreadsPerChild 4
MinSpareThreads 8
MaxSpareThreads 8
MaxRequestWorkers 8
<Directory {folder}>
Require all granted
</Directory>
"""
_EMBEDDED = """\
WSGIImportScript {folder}/mod_wsgi_start.py process-group=%{{GLOBAL}} application-group=%{{GLOBAL}}
WSGIScriptAlias / {folder}/wsgi_app.py application-group=%{{GLOBAL}}
"""
_DAEMON = """\
WSGIDaemonProcess shop processes=2 threads=4 deadlock-timeout=2 graceful-timeout=3
WSGIProcessGroup shop
WSGIImportScript {folder}/mod_wsgi_start.py process-group=shop application-group=%{{GLOBAL}}
WSGIScriptAlias / {folder}/wsgi_app.py application-group=%{{GLOBAL}}
"""
_GROUPS = """\
WSGIDaemonProcess shop processes=2 threads=4 deadlock-timeout=2 graceful-timeout=3
WSGIProcessGroup shop
WSGIImportScript {folder}/mod_wsgi_start.py process-group=shop application-group=%{{GLOBAL}}
WSGIImportScript {folder}/mod_wsgi_start.py process-group=shop application-group=other
WSGIScriptAlias /hold {folder}/wsgi_app.py application-group=other
WSGIScriptAlias / {folder}/wsgi_app.py application-group=%{{GLOBAL}}
"""


def _row(name: str, text: str, **without: str) -> Row:
    def files(folder: Path, port: int) -> None:
        places = {"modules": _MODULES, "folder": folder, "port": port}
        (folder / "apache.conf").write_text((_CONFIGURATION + text).format(**places))

    return Row(
        name=f"Apache {name}",
        command=("apache2", "-DFOREGROUND", "-f", "{folder}/apache.conf"),
        workers=2,
        user="www-data",
        resets=("hup",),
        needs=("/usr/sbin/apache2", f"{_MODULES}/mod_wsgi.so-3.{sys.version_info[1]}"),
        files=files,
        without=SIGNALS_END_IT | NO_USR2 | NO_QUIT | without,
    )


ROWS = [
    _row(
        "embedded",
        _EMBEDDED,
        timeout="Apache does not watch its processes",
        max_requests="Apache counts connections, of processes that it keeps for others",
    ),
    _row("daemon", _DAEMON, max_requests="as HUP: the daemon process ends in good order"),
    _row("two application groups", _GROUPS, max_requests="as for the daemon"),
]
