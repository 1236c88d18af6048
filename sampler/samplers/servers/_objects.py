"""How a sampler gets hold of the object that is the server: nobody hands it out.

Servers set signal handlers that are methods of theirs, or run their loop in a method. Both are
looked at; neither is changed.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from sampler._runtime.native import original

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_SIGNALS = ("SIGUSR1", "SIGTERM", "SIGINT", "SIGQUIT")
_DEEPEST = 1000
"""Frames of a stack that are looked at; of a deeper one nothing is told."""


class ChangedError(Exception):
    """A server keeps its numbers elsewhere than the versions that we know."""


class Server:
    """An object of a server in this process: found once, then kept.

    Args:
        package: the server's, as it is imported.
        kind: where its class is, ``module:Class``.
    """

    def __init__(self, package: str, kind: str) -> None:
        self._package = package
        self._module, _, self._class = kind.partition(":")
        self._known: tuple[int, Any] = 0, None

    def find(self) -> Any:
        """Return the object; None if this process has none, or not yet.

        Raises:
            ChangedError: there is no such class.
        """
        pid, known = self._known
        if pid == os.getpid() and known is not None:
            return known
        module = sys.modules.get(self._module)
        if module is None:
            return None
        kind = getattr(module, self._class, None)
        if not isinstance(kind, type):
            raise ChangedError(
                unknown(self._package, f"{self._module} has no class {self._class}")
            )
        for each in (*_of_signals(), *self._of_stacks()):
            if isinstance(each, kind):
                self._known = os.getpid(), each
                return each
        return None

    def told(self, owner: Any, path: str) -> Any:
        """Return an attribute of an attribute, such as ``cfg.threads``.

        Raises:
            ChangedError: there is none.
        """
        found = owner
        for name in path.split("."):
            try:
                found = getattr(found, name)
            except AttributeError:
                what = f"{type(owner).__name__} has no {path}"
                raise ChangedError(unknown(self._package, what)) from None
        return found

    def _of_stacks(self) -> Iterator[Any]:
        """Yield the objects whose methods run, in the package's own functions."""
        for frame, _ in frames(self._package):
            if "self" in frame.f_code.co_varnames:
                yield frame.f_locals.get("self")


def unknown(package: str, what: str) -> str:
    """Return what is said of a version that keeps its numbers elsewhere."""
    version = getattr(sys.modules.get(package), "__version__", "of unknown version")
    return (
        f"{package} {version} is not known to this sampler: {what}; a newer sampler-api may know "
        "it, and SAMPLER_DISABLE can leave the sampler out"
    )


def frames(package: str) -> Iterator[tuple[FrameType, FrameType | None]]:
    """Yield the package's functions that run now, on any thread, each with what it has called.

    Only these are opened: before Python 3.13 a look at the variables of a function keeps them
    alive until it returns.
    """
    inside = f"{package}."
    for top in list(sys._current_frames().values()):  # noqa: SLF001 - there is no other way
        frame: FrameType | None = top
        called: FrameType | None = None
        for _ in range(_DEEPEST):
            if frame is None:
                break
            if str(frame.f_globals.get("__name__")).startswith(inside):
                yield frame, called
            frame, called = frame.f_back, frame


def _of_signals() -> Iterator[Any]:
    """Yield the objects whose methods handle signals."""
    getsignal = original("signal", "getsignal")
    for name in _SIGNALS:
        handler = getsignal(original("signal", name))
        if (owner := getattr(handler, "__self__", None)) is not None:
            yield owner
