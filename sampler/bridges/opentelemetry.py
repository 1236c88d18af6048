"""Metrics of OpenTelemetry's SDK as a sampler.

A program that makes its own ``MeterProvider`` gives it a reader of ours::

    from sampler.bridges.opentelemetry_reader import SamplerReader

    provider = MeterProvider(metric_readers=[SamplerReader()])

One that is configured by its environment sets ``OTEL_METRICS_EXPORTER=sampler``. With a SDK in
which a reader can be added later, a table of ``sampler.toml`` is enough: the reader is added to
the provider of the program, which is waited for::

    [bridges.opentelemetry]
    provider = "myapp:PROVIDER"

``reader`` instead names a reader that the program has, with ``get_metrics_data()``.
"""

from __future__ import annotations

import os
import sys
from time import time
from typing import TYPE_CHECKING, Any

from sampler.bridges._locked import Locked
from sampler.bridges._points import Points
from sampler.bridges._waiting import CHECK, Reference, known, require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sampler import Registration, Registry
    from sampler.types import Sampler

__all__ = ("SAMPLER", "register", "sampler_of")

NAME = "opentelemetry"
_TOO_OLD = (
    "this opentelemetry-sdk takes no reader once a provider is made: give it "
    "metric_readers=[SamplerReader()], or set OTEL_METRICS_EXPORTER=sampler"
)


def sampler_of(
    reader: Any, *, name: str = NAME, scope: bool = True, resource: bool = True
) -> Sampler:
    """Return a sampler that tells what a reader collects.

    Args:
        reader: a metric reader with ``get_metrics_data()``, of either temporality, that nobody
            else reads: ``InMemoryMetricReader`` or ``SamplerReader``.
        name: the sampler's name.
        scope: label series with ``otel.scope.name`` and ``otel.scope.version``.
        resource: tell the resource, as labels of a gauge ``target.info``.
    """
    points = Points(name, scope=scope, resource=resource)
    began = getattr(reader, "began", None)
    made: Any = {"name": name, "sample": lambda: points.of(reader), "start": lambda: began}
    return made  # type: ignore[no-any-return]


def register(
    reader: Any,
    *,
    name: str = NAME,
    registry: Registry | None = None,
    scope: bool = True,
    resource: bool = True,
) -> Registration:
    """Register what :func:`sampler_of` returns.

    Args:
        reader: likewise.
        name: likewise.
        registry: where; default: the default registry.
        scope: as of :func:`sampler_of`.
        resource: likewise.
    """
    import sampler

    made = sampler_of(reader, name=name, scope=scope, resource=resource)
    return (registry or sampler.registry).register(made)


class _Said:
    """What settings say; raises where they are wrong, or the package is missing."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        known(settings, "provider", "reader", "scope", "resource")
        if "provider" in settings and "reader" in settings:
            raise ValueError("reader: there is provider, too: name one of them")
        self.provider, self.reader = (
            Reference(settings[key], key) if key in settings else None
            for key in ("provider", "reader")
        )
        self.scope, self.resource = (settings.get(key, True) for key in ("scope", "resource"))
        for key in ("scope", "resource"):
            if not isinstance(settings.get(key, True), bool):
                raise ValueError(f"{key}: expected true or false, got {settings[key]!r}")
        require("opentelemetry.sdk.metrics", "opentelemetry-sdk")


class _Configured(Locked):
    """The sampler of ``sampler.toml`` and of readers that nobody has named otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self._points: dict[tuple[str, bool, bool], Points] = {}
        self._adopted: Any = None
        self._process = 0
        self._added: dict[int, Any] = {}
        self._read: Any = None

    def adopt(self, reader: Any) -> None:
        """Read this reader from now on, whatever the settings name, and no other one."""
        if self._adopted is not None and self._process == os.getpid():
            from sampler.agent import log

            log.warning(
                "bridge %r: the earlier SamplerReader is read no more: give each a name", NAME
            )
        self._adopted, self._process = reader, os.getpid()

    def release(self, reader: Any) -> None:
        """Read it no more."""
        if self._adopted is reader:
            self._adopted = None

    def __call__(self, environ: Mapping[str, Any]) -> Callable[[], Iterator[Any]]:
        said = _Said(environ["settings"])
        text = said.reader or said.provider
        key = "" if text is None else text.text, said.scope, said.resource
        with self._lock:
            found = Points(NAME, scope=said.scope, resource=said.resource)
            points = self._points.setdefault(key, found)

        def instance() -> Iterator[Any]:
            reader = self._adopted
            if reader is None:
                named = said.reader
                reader = self._added_to(said.provider) if named is None else named.get()
            self._read = reader
            return points.of(reader) if reader is not None else iter(())

        return instance

    def start(self) -> float | None:
        """Return when the reader began: what it had counted before is 0."""
        return getattr(self._adopted or self._read, "began", None)

    def _added_to(self, wanted: Reference | None) -> Any:
        """Return the reader that the program's provider has of us; None while it has no provider.

        Raises:
            RuntimeError: it takes none.
        """
        provider = _global_provider() if wanted is None else wanted.get()
        if provider is None:
            return None
        with self._lock:
            known = self._added.get(id(provider))
            if known is None or known[0] is not provider:
                if not hasattr(provider, "add_metric_reader"):
                    raise RuntimeError(_TOO_OLD)
                from opentelemetry.sdk.metrics.export import InMemoryMetricReader

                reader: Any = InMemoryMetricReader()
                reader.began = time()
                provider.add_metric_reader(reader)
                known = self._added[id(provider)] = provider, reader
            return known[1]


def _global_provider() -> Any:
    """Return the provider that the program has set; None while there is none."""
    if "opentelemetry.sdk.metrics" not in sys.modules:
        return None
    from opentelemetry.metrics import get_meter_provider
    from opentelemetry.sdk.metrics import MeterProvider

    provider = get_meter_provider()
    return provider if isinstance(provider, MeterProvider) else None


configured: _Configured = _Configured()

SAMPLER: dict[str, Any] = {
    "name": NAME,
    "factory": configured,
    "start": configured.start,
    CHECK: _Said,
}
"""The sampler ``opentelemetry``: what ``[bridges.opentelemetry]`` names."""
