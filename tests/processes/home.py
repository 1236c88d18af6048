"""Where a life takes place: a folder with the programs in it, the command, and the environment."""

from __future__ import annotations

import os
import re
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from sampler.wiring._environment import wired
from tests.processes.procfs import MARK
from tests.processes.row import OWN_RELAY
from tests.support.ports import free_port

if TYPE_CHECKING:
    from tests.processes.row import Row

FOLDERS = Path("/tmp")
ROOT = Path(__file__).parents[2]
_PROGRAMS = Path(__file__).with_name("programs")
_SHARED = (Path("/dev/shm"), Path("/run"))
_OTHERS = re.compile("pymp-")  # multiprocessing leaves it behind at a signal
READ_ONLY = """
mount --make-rprivate / &&
mount --bind "$1" "$1" &&
mount -o remount,bind,ro / &&
mount --bind /dev/shm /dev/shm && mount -o remount,bind,ro /dev/shm &&
! touch /tmp/written /dev/shm/written 2> /dev/null &&
shift && exec "$@"
"""


class Home:
    """The surroundings of one life.

    Args:
        row: whose life it is.
        wiring: ``start``: as people write it; ``run``: under ``sampler run``; ``bare``: no agent.
        event: what the life is for.

    Attributes:
        folder: it has the programs, a log, and what a program leaves behind.
        event: see above.
        mark: what its processes carry in their environments.
        port: where a server listens.
        relay: the address of a relay of its own.
        configuration: the file ``sampler.toml``, which is not there yet.
        done: where tasks are told that were done.
        told: where a request tells its process.
    """

    def __init__(self, row: Row, wiring: str, event: str) -> None:
        self.mark = f"{os.getpid()}_{uuid4().hex[:8]}"
        self.folder = FOLDERS / f"sampler-life-{self.mark}"
        self.port = free_port()
        self.relay = f"@{self.folder.name}"
        self.configuration = self.folder / "sampler.toml"
        self.done = self.folder / "done"
        self.told = self.folder / "told"
        self.event = event
        self._row, self._wiring = row, wiring
        self._own = (self.folder / "tmp", self.folder / "run")
        for folder in (self.folder, *self._own):
            folder.mkdir()
            folder.chmod(0o1777)  # a server may change to another user
        for file in _PROGRAMS.glob("*.py"):
            shutil.copy(file, self.folder)
        if row.files is not None:
            row.files(self.folder, self.port)

    def command(self) -> list[str]:
        """Return the words that are run."""
        row = self._row
        more = {
            "{options}": row.options.get(self.event, ()),
            "{written}": row.written if self._wiring == "start" else (),
        }
        words = [each for word in row.command for each in more.get(word, (word,))]
        places = {
            "port": str(self.port),
            "folder": str(self.folder),
            "python": sys.executable,
            "uwsgi": str(Path(sys.executable).with_name("uwsgi")),
        }
        words = [word.format(**places) for word in words]
        if self._wiring == "run" and self.event not in OWN_RELAY:
            run = ("-m", "sampler", "run", "-c", str(self.configuration), "--")
            words = [sys.executable, *run, *words]
        if self.event == "read_only":
            words = ["unshare", "-m", "sh", "-c", READ_ONLY, "sh", str(self.folder), *words]
        return words

    def environment(self) -> dict[str, str]:
        """Return the environment, in which every interpreter finds the packages of this one."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SAMPLER_", "PYTHON"))}
        packages = sysconfig.get_path("purelib")
        paths = (self.folder, ROOT, ROOT / "adapters", packages)
        binaries = (str(Path(sys.executable).parent), kept.get("PATH", ""), "/usr/sbin")
        tmp, run = map(str, self._own)
        own = {
            **kept,
            MARK: self.mark,
            "WIRING": self._wiring,
            "SAMPLER_CONFIG": str(self.configuration),
            "DONE": str(self.done),
            "TOLD": str(self.told),
            "TMPDIR": tmp,
            "XDG_RUNTIME_DIR": run,
            "HOME": str(self.folder),
            "PATH": os.pathsep.join(binaries),
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        beside = self._wiring == "run" and self.event in OWN_RELAY
        return wired(own, self.relay, wrap=True, by="run") if beside else own

    def relay_command(self) -> list[str]:
        """Return the words of a relay that is started beside the program."""
        return [sys.executable, "-m", "sampler", "relay", "-c", str(self.configuration)]

    def relay_table(self) -> str:
        """Return what the configuration says of the relay."""
        users = f'users = ["{self._row.user}"]\n' if self._row.user else ""
        return f'\n[relay]\nsocket = "{self.relay}"\n{users}' if self._wiring == "run" else ""

    def files_left(self) -> list[str]:
        """Return the files that should not be there when a program has ended."""
        own = [file for folder in self._own for file in folder.iterdir()]
        shared = [file for folder in _SHARED for file in folder.glob("*sampler*")]
        return [str(file) for file in own + shared if not _OTHERS.match(file.name)]

    def log(self, lines: int = 12) -> str:
        """Return the end of what the program has said."""
        text = (self.folder / "log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def remove(self) -> None:
        """Remove it all."""
        shutil.rmtree(self.folder, ignore_errors=True)
