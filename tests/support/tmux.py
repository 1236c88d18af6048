"""A real terminal of any size: tmux runs a command in it, and tells what it shows."""

from __future__ import annotations

import shlex
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path


_ENDED = "[exit status]"
_SHELL = f'trap : INT; "$@"; code=$?; echo; echo "{_ENDED} $code"; exec sleep 600'
"""tmux itself does not always know how a command has ended."""


class Terminal:
    """A terminal in which a command runs.

    Args:
        server: the path of tmux' socket.
    """

    def __init__(self, server: Path) -> None:
        self._server = server

    def tmux(self, *words: str) -> str:
        """Run a command of tmux; return what it says."""
        done = subprocess.run(
            ["tmux", "-f", "/dev/null", "-S", str(self._server), *words],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    def press(self, *keys: str) -> None:
        """Type keys, by tmux' names."""
        self.tmux("send-keys", "-t", "a", *keys)

    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal another size."""
        self.tmux("resize-window", "-t", "a", "-x", str(columns), "-y", str(lines))

    def lines(self) -> list[str]:
        """Return what is shown."""
        return self.tmux("capture-pane", "-t", "a", "-p").splitlines()

    def styled(self) -> str:
        """Return what is shown, with its escape sequences."""
        return self.tmux("capture-pane", "-t", "a", "-p", "-e")

    def shows(self, text: str) -> list[str]:
        """Wait until a text is shown; return all lines."""

        def found() -> list[str]:
            lines = self.lines()
            if text not in _ENDED and any(_ENDED in line for line in lines):
                raise AssertionError("it has ended")
            return lines if any(text in line for line in lines) else []

        try:
            return wait_for(found, limit=2, what=f"{text!r}")
        except AssertionError:
            raise AssertionError(f"{text!r} is not in:\n" + "\n".join(self.lines())) from None

    def ended(self) -> int:
        """Wait until the command has ended; return its exit status."""
        (line,) = (each for each in self.shows(_ENDED) if _ENDED in each)
        return int(line.rpartition(_ENDED)[2].strip())


@contextmanager
def terminal(
    folder: Path, command: Sequence[str], env: Mapping[str, str], columns: int, lines: int
) -> Iterator[Terminal]:
    """Run a command in a terminal of its own, which ends with the block."""
    made = Terminal(folder / "t")
    words = ["env", "-i", *(f"{name}={text}" for name, text in env.items()), *command]
    size = ("-x", str(columns), "-y", str(lines))
    made.tmux("new-session", "-d", "-s", "a", *size, "sleep 600")
    made.tmux("set-option", "-g", "status", "off")
    run = ["sh", "-c", _SHELL, "sh", *words]
    made.tmux("respawn-pane", "-k", "-t", "a", shlex.join(run))
    made.resize(columns, lines)
    try:
        yield made
    finally:
        made.tmux("kill-server")
