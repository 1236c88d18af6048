"""A registry or a collector of ``prometheus_client`` as a sampler.

Names stay as they are exposed, so ``orders_total`` is still ``orders_total``; those with capitals
or colons are mapped, never two onto one. Histograms arrive whole, a summary as one without
buckets. ``_created`` is no metric: the earliest one is the sampler's ``start``.

In ``sampler.toml``, with the default registry if nothing else is named::

    [bridges.prometheus_client]
    registry = "myapp:REGISTRY"
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from sampler.bridges._families import Families
from sampler.bridges._waiting import CHECK, Reference, known, require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sampler import Registration, Registry
    from sampler.types import Sampler

__all__ = ("SAMPLER", "register", "sampler_of")

NAME = "prometheus_client"
_DEFAULT = "prometheus_client:REGISTRY"


def sampler_of(source: Any, *, name: str = NAME) -> Sampler:
    """Return a sampler that tells what a registry or a collector has.

    Args:
        source: anything with ``collect()``. A collector of a registry that raises costs itself
            only.
        name: the sampler's name.
    """
    families = Families(lambda: source, name)
    return {"name": name, "sample": families, "start": families.start}  # type: ignore[typeddict-item]


def register(
    source: Any = None, *, name: str = NAME, registry: Registry | None = None
) -> Registration:
    """Register a registry or a collector as a sampler.

    Args:
        source: as of :func:`sampler_of`; default: ``prometheus_client.REGISTRY``.
        name: the sampler's name.
        registry: where; default: the default registry.
    """
    import sampler

    if source is None:
        from prometheus_client import REGISTRY as source  # noqa: N811
    return (registry or sampler.registry).register(sampler_of(source, name=name))


def _wanted(settings: Mapping[str, Any]) -> Reference:
    """Return what settings name; raise where they are wrong, or the package is missing."""
    known(settings, "registry")
    wanted = Reference(settings.get("registry", _DEFAULT), "registry")
    require("prometheus_client", "'sampler-api[prometheus]'")
    return wanted


class _Configured:
    """The sampler of ``sampler.toml``: its source is known once the settings are."""

    def __init__(self) -> None:
        self._families: dict[str, Families] = {}
        self._last: Families | None = None

    def __call__(self, environ: Mapping[str, Any]) -> Callable[[], Iterator[Any]]:
        wanted = _wanted(environ["settings"])
        found = self._families.get(wanted.text)
        if found is None:
            found = self._families.setdefault(wanted.text, Families(wanted.get, NAME))
        self._last = found
        return partial(found)  # another object for each consumer

    def start(self) -> float | None:
        return None if self._last is None else self._last.start()


_configured = _Configured()

SAMPLER: dict[str, Any] = {
    "name": NAME,
    "factory": _configured,
    "start": _configured.start,
    CHECK: _wanted,
}
"""The sampler ``prometheus_client``: what ``[bridges.prometheus_client]`` names."""
