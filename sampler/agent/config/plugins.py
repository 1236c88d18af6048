"""Which adapters are installed, from which distribution, and why one cannot be used."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import attrs

from sampler._registry.discovery import announced
from sampler._runtime.printable import error_line
from sampler._runtime.worker import Job, Worker

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint
    from types import FrameType

GROUP = "sampler.adapters"
OURS = "sampler-api"
LOADING = 30.0
"""Seconds that an import may take."""


@attrs.frozen
class Entry:
    """One announced adapter or sampler.

    Attributes:
        name: the entry point's name.
        reference: ``module:object``.
        distribution: who announces it.
        version: that distribution's version.
    """

    name: str
    reference: str
    distribution: str
    version: str
    _point: EntryPoint = attrs.field(repr=False, eq=False)

    def load(self) -> Any:
        """Import the object.

        Raises:
            Unusable: it cannot be imported; the message says why and what to do.
        """
        try:
            return self._loaded()
        except ModuleNotFoundError as error:
            raise Unusable(self, f"needs {error.name!r}: {self._remedy(error.name)}") from error
        except (Exception, SystemExit) as error:
            raise Unusable(self, f"cannot be imported: {error_line(error)}") from error

    def _loaded(self) -> Any:
        # A module that starts the agent while it is imported itself holds what another thread's
        # import would wait for.
        if not _importing():
            job = Job(self._point.load)
            with Worker("sampler-load") as worker:
                worker.run([job], LOADING)
            if job.overran is not None:
                raise TimeoutError(f"no end of it within {LOADING:g} s")
            if job.started and job.error is None:
                return job.result
        return self._point.load()  # some imports need the main thread

    def _remedy(self, module: str | None) -> str:
        if self.distribution == OURS:
            return f"pip install '{OURS}[{self.name}]'"
        return f"install what {self.distribution or 'it'} needs ({module})"


class Unusable(Exception):
    """An announced entry that cannot be loaded.

    Attributes:
        entry: which one.
        reason: why, and what to do.
    """

    def __init__(self, entry: Entry, reason: str) -> None:
        super().__init__(f"{entry.name!r} {reason}")
        self.entry = entry
        self.reason = reason


def catalogue(group: str = GROUP) -> dict[str, Entry]:
    """Return what is announced in an entry-point group by name; the first of a name stands."""
    found = {}
    for name, point in announced(group).items():
        distribution, version = _origin(point)
        found[name] = Entry(name, point.value, distribution, version, point)
    return dict(sorted(found.items()))


def _importing() -> bool:
    """Tell whether this thread is in the middle of an import."""
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - an import is seen nowhere else
    while frame is not None and frame.f_code.co_filename != "<frozen importlib._bootstrap>":
        frame = frame.f_back
    return frame is not None


def _origin(point: EntryPoint) -> tuple[str, str]:
    """Return the name and version of the distribution, as far as its metadata can be read."""
    try:
        return (point.dist.name, point.dist.version) if point.dist is not None else ("", "")
    except Exception:  # malformed metadata is its distribution's own trouble
        return "", ""
