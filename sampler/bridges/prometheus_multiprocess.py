"""The directory of ``prometheus_client``'s multiprocess mode as a sampler.

The totals are those of all processes that write there, so one process reads it: the relay, or the
first of the processes that are told to. In ``sampler.toml``::

    [bridges.prometheus_multiprocess]
    directory = "/run/myapp/metrics"
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sampler.bridges._families import Families
from sampler.bridges._since import Since
from sampler.bridges._turn import Turn
from sampler.bridges._waiting import CHECK, known, require

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sampler import Registration, Registry
    from sampler.types import Sampler

__all__ = ("SAMPLER", "register", "sampler_of")

NAME = "prometheus_multiprocess"
_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def sampler_of(directory: str, *, name: str = NAME) -> Sampler:
    """Return a sampler that reads the directory; while there is none, it tells nothing.

    Args:
        directory: the value of ``PROMETHEUS_MULTIPROC_DIR`` in the processes that write.
        name: the sampler's name.
    """
    return {"name": name, "sample": _families(directory, name)}


def _families(directory: str, name: str) -> Families:
    return Families(lambda: _collector(directory), name, {"scope": "server"})


def _collector(directory: str) -> Any:
    if not Path(directory).is_dir():
        return None
    from prometheus_client import CollectorRegistry
    from prometheus_client.multiprocess import MultiProcessCollector

    return MultiProcessCollector(CollectorRegistry(), path=directory)  # type: ignore[no-untyped-call]


def register(
    directory: str, *, name: str = NAME, registry: Registry | None = None
) -> Registration:
    """Register what :func:`sampler_of` returns.

    Args:
        directory: likewise.
        name: likewise.
        registry: where; default: the default registry.
    """
    import sampler

    return (registry or sampler.registry).register(sampler_of(directory, name=name))


def _directory(settings: Mapping[str, Any]) -> str:
    """Return what settings name; raise where they are wrong, or the package is missing."""
    known(settings, "directory")
    directory = settings.get("directory", os.environ.get(_VARIABLE))
    if not isinstance(directory, str) or not directory:
        raise ValueError(f"directory: expected a path, got {directory!r}; or set ${_VARIABLE}")
    require("prometheus_client", "'sampler-api[prometheus]'")
    return directory


class _Instance:
    """Reads the directory while it is this process' turn."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        directory = _directory(settings)
        self._families = _families(directory, NAME)
        turn = Turn(f"prometheus {Path(directory).absolute()}")
        self._since = Since(turn, self._families.failed)

    def __call__(self) -> Iterator[tuple[Any, ...]]:
        return self._since.read(self._families())

    def close(self) -> None:
        """Let another process read it."""
        self._since.end()


SAMPLER: dict[str, Any] = {
    "name": NAME,
    "factory": lambda environ: _Instance(environ["settings"]),
    CHECK: _directory,
}
"""The sampler ``prometheus_multiprocess``: what ``[bridges.prometheus_multiprocess]`` names."""
