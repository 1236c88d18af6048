"""Walks through a page as a reader would: writes its files, runs its commands, compares.

A block whose first line is a comment with a file's name is that file. In a block of ``console``
each line that begins with ``$`` is a command, and what follows is what it prints: numbers may be
others, ``...`` stands for any text of a line, and as a line of its own for any lines. A command
that ends with ``&`` runs until the page ends. What is installed is not installed again; that it is
there is checked. ``python -m tests.examples.walk PAGE FOLDER [TEXT=HERE ...]`` walks with the
page's own ports, in a network namespace.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.examples.pages import blocks
from tests.support.command import environment
from tests.support.ports import hold_ports
from tests.support.unique import service
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

FILE = re.compile(r"(?:#|;|//) ([\w./-]+\.\w+)\n")
"""The first line of a block that is a file."""
LIMIT = 30.0
"""Seconds in which a command has to print what the page says."""
PORTS = ("8000", "8001", "9464", "9465", "8125")
BIN = Path(sys.executable).parent
_NUMBER = r"[-+\d.e]+"


class Command(NamedTuple):
    """One command of a page, and what it is to print."""

    line: str
    printed: str


def commands(text: str) -> Iterator[Command]:
    """Yield the commands of a block."""
    for found in re.finditer(r"^\$ (.*(?:\\\n.*)*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE):
        yield Command(found[1], found[2])


def pattern(printed: str) -> str:
    """Return an expression for what a command is to print."""
    lines = []
    for line in printed.splitlines():
        if line == "...":
            lines.append(r"(?:.*\n)*")
            continue
        text = re.sub(r"\d+(?:\\\.\d+)?(?:e\\[-+]\d+)?", lambda _: _NUMBER, re.escape(line))
        lines.append(text.replace(r"\.\.\.", ".*") + r"\n")
    return "".join(lines)


class Walk:
    """One reader in one empty folder.

    Args:
        page: what is read.
        folder: where its files are written and its commands run.
        here: texts of the page, such as ports of servers that the test has started, and what
            stands for them here.
        ports: those of the page that are others here, since they may be taken.

    Attributes:
        did: the commands that were run, as the page has them.
    """

    def __init__(
        self,
        page: Path,
        folder: Path,
        here: Mapping[str, str] | None = None,
        ports: Sequence[str] = PORTS,
    ) -> None:
        self._page = page
        self._more = dict(here or {})
        self._folder = folder
        self._held = hold_ports(len(ports))
        self._ports = {
            port: str(held.getsockname()[1]) for port, held in zip(ports, self._held, strict=True)
        }
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []
        self.did: list[str] = []

    def walk(self) -> None:
        """Do all that the page says; leave nothing running."""
        try:
            for language, text in blocks(self._page):
                if file := FILE.match(text):
                    path = self._folder / file[1]
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(self._here(text))
                elif language == "console":
                    for command in commands(text):
                        self._do(command)
        finally:
            said = self._end()
        assert "Traceback" not in said, said
        assert "raised: " not in said, said

    def _here(self, text: str) -> str:
        """Return a text with ports that are free, and a service of this test's own."""
        for port, ours in self._ports.items():
            text = re.sub(rf"\b{port}\b", ours, text)
        for theirs, ours in self._more.items():
            text = re.sub(rf"(?<!\w){re.escape(theirs)}(?!\w)", lambda _, ours=ours: ours, text)
        text = text.replace("@shop", f"@{service(self._folder)}")
        text = text.replace("/tmp/collected", str(self._folder / "collected"))
        return re.sub(
            r'(?m)^(service = "\w+)"', lambda found: f'{found[1]}_{service(self._folder)}"', text
        )

    def _do(self, command: Command) -> None:
        line = self._here(command.line)
        self.did.append(command.line)
        words = shlex.split(line, comments=True)
        if words[:2] in (["pip", "install"], ["pip", "wheel"]):
            _installed(words[2:])
        elif words[-1] == "&":
            self._running.append((line, self._begin(line.removesuffix("&"))))
        else:
            wanted = pattern(self._here(command.printed))
            said: list[str] = [""]

            def as_written() -> bool:
                for begun, process in self._running:
                    assert process.poll() is None, (begun, self._said())
                done = subprocess.run(
                    ["bash", "-c", line],
                    cwd=self._folder,
                    env=self._env(),
                    capture_output=True,
                    text=True,
                    timeout=LIMIT,
                )
                said[0] = done.stdout + done.stderr
                return not done.returncode and bool(re.fullmatch(wanted, done.stdout))

            try:
                wait_for(as_written, LIMIT, line, pause=0.2)
            except AssertionError as late:
                raise AssertionError(f"{late}\n{said[0]}\n{self._said()}") from late

    def _env(self) -> dict[str, str]:
        return environment(PATH=f"{BIN}:{os.environ['PATH']}", HOME=str(self._folder))

    def _begin(self, line: str) -> subprocess.Popen[bytes]:
        with (self._folder / "said.log").open("ab") as log:
            return subprocess.Popen(
                shlex.split(line),
                cwd=self._folder,
                env=self._env(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _said(self) -> str:
        log = self._folder / "said.log"
        return log.read_text() if log.exists() else ""

    def _end(self) -> str:
        for _, process in reversed(self._running):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(LIMIT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for held in self._held:
            held.close()
        return self._said()


def _installed(words: list[str]) -> None:
    """See that what a page installs is here."""
    for word in words:
        if word.startswith(("-", "wheels")) or word == "./sampler-api":
            continue
        distribution(re.split(r"[\[<>=]", word.removeprefix("./"))[0])


if __name__ == "__main__":
    page_, folder_, *more_ = sys.argv[1:]
    here_ = dict(each.split("=", 1) for each in more_)
    Walk(Path(page_), Path(folder_), here_, ports=()).walk()
