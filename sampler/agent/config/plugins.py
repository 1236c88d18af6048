"""Installed adapters and samplers: from which distribution, and why one cannot be used."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, metadata
from typing import TYPE_CHECKING, Any

import attrs

from sampler._registry.announcements import Announcement, announced, announcements, without_clashes
from sampler._runtime.printable import error_line
from sampler._runtime.worker import Job, Worker

if TYPE_CHECKING:
    from types import FrameType

GROUP = "sampler.adapters"
OURS = "sampler-api"
_DISTRIBUTIONS = {"opentelemetry": "opentelemetry-sdk", "psycopg_pool": "'psycopg[pool]'"}
"""What to install for a package whose distribution has another name."""
LOADING = 30.0
"""Seconds after which an import has failed."""


@attrs.frozen
class Plugin:
    """One adapter or sampler that a distribution announces by an entry point.

    Attributes:
        name: the entry point's name.
        reference: ``module:object``.
        distribution: the distribution that announces it.
        version: that distribution's version.
    """

    name: str
    reference: str
    distribution: str
    version: str
    _announcement: Announcement = attrs.field(repr=False, eq=False)

    def load(self) -> Any:
        """Import the object.

        Raises:
            UnusablePlugin: it cannot be imported; the message says why and what to do.
        """
        try:
            return self._loaded()
        except (Exception, SystemExit) as error:
            raise UnusablePlugin(self, self._fault(error)) from error

    def _loaded(self) -> Any:
        # A module that starts the agent while it is itself imported holds the import lock for
        # which another thread would wait.
        if not _importing():
            job = Job(self._announcement.load)
            with Worker("sampler-load", once=True) as worker:
                worker.run([job], LOADING)
            if job.overran is not None:
                raise TimeoutError(f"the import has not ended within {LOADING:g} s")
            if job.started and job.error is None:
                return job.result
        return self._announcement.load()  # some imports need the main thread

    def _fault(self, error: BaseException) -> str:
        from sampler.agent.config.hidden import hidden_packages, hiding

        if hidden := hidden_packages(self.distribution):
            return f"cannot be imported: {hiding(hidden)} ({error_line(error)})"
        if isinstance(error, ModuleNotFoundError):
            return f"needs {error.name!r}: {self._remedy(error.name)}"
        return f"cannot be imported: {error_line(error)}"

    def _remedy(self, module: str | None) -> str:
        if self.distribution == OURS:
            extra = _extra(
                self.name
            )  # a sampler of a package has none: it needs just that package
            needed = f"'{OURS}{extra}'" if extra or not module else _installed_by(module)
            return f"pip install {needed}"
        if self.distribution:
            return f"install what {self.distribution} needs ({module})"
        return "is it installed, or in the working directory?"


class UnusablePlugin(Exception):
    """A plugin that cannot be loaded.

    Attributes:
        plugin: which one.
        reason: why, and what to do.
    """

    def __init__(self, plugin: Plugin, reason: str) -> None:
        super().__init__(f"{plugin.name!r} {reason}")
        self.plugin = plugin
        self.reason = reason


def installed_plugins(group: str = GROUP) -> dict[str, Plugin]:
    """Return what an entry-point group announces, by name; the first one of a name stands."""
    found = {name: _plugin(each) for name, each in announced(group, fresh=True).items()}
    return dict(sorted(found.items()))


def referenced_plugin(reference: str, group: str = GROUP) -> Plugin:
    """Return what ``module:object`` names, which no distribution announces."""
    return Plugin(
        reference, reference, "", "", Announcement(EntryPoint(reference, reference, group))
    )


def left_out_plugins(group: str = GROUP) -> list[UnusablePlugin]:
    """Return what a group announces by names that others have taken."""
    _, left_out = without_clashes(announcements(group))
    return [
        UnusablePlugin(
            _plugin(each),
            f"{each.package} publishes its own: {owner.name}"
            if each.stands_in
            else f"{owner} has that name and comes first on sys.path",
        )
        for each, owner in left_out
    ]


def _plugin(each: Announcement) -> Plugin:
    return Plugin(each.name, each.value, each.distribution, each.version, each)


def _installed_by(module: str) -> str:
    """Return the distribution on PyPI that a module of a package we sample is part of."""
    package = module.partition(".")[0]
    return _DISTRIBUTIONS.get(package, package)


def _extra(name: str) -> str:
    """Return the extra of ours that has what an adapter needs: its own, or that of its kind."""
    there = metadata(OURS).get_all("Provides-Extra", [])
    words = name.split("_")
    wanted = ["-".join(words[:size]) for size in range(len(words), 0, -1)]
    return next((f"[{each}]" for each in wanted if each in there), "")


def _importing() -> bool:
    """Tell whether this thread is in the middle of an import."""
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - an import is seen nowhere else
    while frame is not None and frame.f_code.co_filename != "<frozen importlib._bootstrap>":
        frame = frame.f_back
    return frame is not None
