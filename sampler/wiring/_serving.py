"""Where a process begins to serve and where it ends: the life of its agent.

A server calls these from within its own code, so nothing is raised there: what goes wrong is one
line on standard error, and the server runs on. :mod:`sampler.agent` is imported when the first
process begins, and so never in a supervisor, nor before a greenlet library has patched.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from sampler._runtime.printable import error_line, printable
from sampler.wiring._environment import BY

if TYPE_CHECKING:
    from types import TracebackType

    from sampler.agent.roles import Role

__all__ = ("Contained", "abegin", "begin", "complain", "end", "supervise")


def begin(where: str, *, role: Role | None = "worker", signals: bool = False) -> None:
    """Start the agent: from here on this process serves.

    Args:
        where: the server, for what is said.
        role: as of :func:`sampler.agent.start`.
        signals: likewise.
    """
    with Contained(where):
        from sampler.agent.singleton import join

        join(role, signals=signals)


def end(where: str) -> None:
    """Stop the agent, if one runs: this process serves no longer."""
    with Contained(where):
        if "sampler.agent" in sys.modules:
            from sampler.agent import stop

            stop()


async def abegin(where: str) -> None:
    """Do what :func:`begin` does, on an event loop."""
    with Contained(where):
        from sampler.agent.beside import beside
        from sampler.agent.singleton import join

        await beside(join)


def supervise(where: str, *, forks: bool = False) -> None:
    """Stop the agent of a process that starts workers and is none, if it runs one.

    Args:
        where: the server, for what is said.
        forks: the workers are forks: they begin sooner with what is imported here.
    """
    end(where)
    if forks:
        with Contained(where):
            import sampler.agent  # noqa: F401


def complain(line: str) -> None:
    """Say one line on standard error; no handler of the program's is in between."""
    said = f"sampler {printable(os.environ.get(BY, 'run'))}: {printable(line)}\n"
    try:
        os.write(2, said.encode("utf-8", "backslashreplace"))
    except OSError:  # there is none
        return


class Contained:
    """A block whose errors are one line.

    Args:
        where: the server, for that line.
    """

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if isinstance(error, Exception):
            complain(f"{self._where}, process {os.getpid()}: {error_line(error)}")
            return True
        return False
