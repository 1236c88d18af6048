"""uWSGI: Debian's and the current one, with and without a master, and with threads."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.processes.row import Row
from tests.processes.rows.reasons import NO_USR2, SIGNALS_END_IT

_PLUGIN = f"python3{sys.version_info[1]}"
_PROGRAMS = {
    "uWSGI": ("{uwsgi}",),
    "uWSGI 2.0.21": ("/usr/bin/uwsgi-core", "--plugin", _PLUGIN),
}
_NEEDS = {
    "uWSGI": (str(Path(sys.executable).with_name("uwsgi")),),
    "uWSGI 2.0.21": ("/usr/bin/uwsgi-core", f"/usr/lib/uwsgi/plugins/{_PLUGIN}_plugin.so"),
}
_COMMAND = (
    *("--http-socket", "127.0.0.1:{port}", "--module", "wsgi_app:app", "--need-app"),
    *("--processes", "3", "--die-on-term", "--disable-logging", "{options}"),
)
_MASTER = (
    "--master",
    *("--hook-master-start", "unix_signal:15 gracefully_kill_them_all"),
    *("--hook-master-start", "unix_signal:2 gracefully_kill_them_all"),
)
_MODES = {
    "master": _MASTER,
    "master, threads": (*_MASTER, "--enable-threads", "--threads", "2"),
    "lazy": (*_MASTER, "--lazy-apps"),
    "lazy, threads": (*_MASTER, "--lazy-apps", "--enable-threads", "--threads", "2"),
    "no master": (),
    "no master, threads": ("--enable-threads", "--threads", "2"),
}
_OPTIONS = {
    "max_requests": ("--max-requests", "10", "--min-worker-lifetime", "0"),
    "timeout": ("--harakiri", "2"),
}
_QUIT = {"quit": "with --die-on-term QUIT is what TERM was: a reload"}
_HANGS = dict.fromkeys(
    ("hup", "max_requests"), "its threads hang at it at times, with or without an agent"
)
_NO_THREADS = (
    "its threads run only while it answers, unless it has enable-threads: the agent says so, and "
    "`sampler run` sets it"
)
_WITHOUT_MASTER = dict.fromkeys(
    ("hup", "kill_idle", "kill_busy", "kill_child", "max_requests", "timeout"),
    "no master: nobody starts another worker",
)

ROWS = [
    Row(
        name=f"{program} {mode}",
        command=(*words, *_COMMAND, *more),
        needs=_NEEDS[program],
        not_by_start=_NO_THREADS if "--plugin" in words and "--threads" not in more else "",
        options=_OPTIONS if "--master" in more else {},
        to_all="--master" not in more,
        lone="--master" not in more,
        # In a request its workers end without Python; while it sleeps before it starts one, as
        # it does after many ends, it forgets that it is to end.
        idle=("max_requests",) if "--master" in more else ("term", "int"),
        statuses={} if "--master" in more else {"term": 30, "int": 30},
        without=SIGNALS_END_IT
        | NO_USR2
        | _QUIT
        | (_HANGS if "--threads" in more and "--plugin" in words else {})
        | ({} if "--master" in more else _WITHOUT_MASTER),
    )
    for program, words in _PROGRAMS.items()
    for mode, more in _MODES.items()
]
