"""Instruments: a named group of counters, gauges and histograms that is itself a sampler.

One plain mapping is registered when the group is made; its metrics are declared as they come.
"""

from __future__ import annotations

import time
from math import isfinite

from sampler._kinds import DEFAULT_BUCKETS, Counter, Gauge, Histogram, Instrument, renew_lock
from sampler._mapping import short
from sampler._names import is_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, TypeVar
    from weakref import WeakSet

    from sampler._registry import Registration, Registry

    Made = TypeVar("Made", bound=Instrument)


class Instruments:
    """A named group of instruments; it registers itself as a sampler.

    Args:
        name: the sampler's name.
        registry: where; default: the default registry.

    Attributes:
        registration: how it is published; discovery finds a group by it.

    Raises:
        InvalidSampler: the name is none.
        SamplerConflict: it is taken.
    """

    def __init__(self, name: str, registry: Registry | None = None) -> None:
        from sampler import _registry

        self.name: str = name
        self._start = time.time()
        self._instruments: dict[str, tuple[Instrument, object]] = {}
        home = _registry.default if registry is None else registry
        self.registration: Registration = home.register(
            {"name": name, "sample": self._sample, "start": self._started}
        )
        _remember(self)

    def counter(
        self,
        name: str,
        *,
        help: str = "",  # noqa: A002
        unit: str = "",
        labels: Iterable[str] = (),
    ) -> Counter:
        """Return the counter ``name``, a new one or the one made alike before.

        Args:
            name: the metric's name.
            help: one sentence.
            unit: UCUM code.
            labels: label names.

        Raises:
            InvalidSampler: a name that is none.
            ValueError: ``name`` is another instrument already.
        """
        names = _names(labels)
        return self._get(Counter(names), name, names, kind="counter", help=help, unit=unit)

    def gauge(
        self,
        name: str,
        *,
        help: str = "",  # noqa: A002
        unit: str = "",
        labels: Iterable[str] = (),
        merge: str | None = None,
    ) -> Gauge:
        """Return the gauge ``name``; see :meth:`counter`.

        ``merge`` (``sum``, ``max``, ``min``) says how the values of several processes combine.
        """
        names = _names(labels)
        return self._get(
            Gauge(names), name, names, kind="gauge", help=help, unit=unit, merge=merge
        )

    def histogram(
        self,
        name: str,
        *,
        help: str = "",  # noqa: A002
        unit: str = "",
        labels: Iterable[str] = (),
        buckets: Iterable[float] = DEFAULT_BUCKETS,
    ) -> Histogram:
        """Return the histogram ``name`` with these upper bounds; see :meth:`counter`.

        Raises:
            ValueError: the bounds are not finite, rising numbers, too.
        """
        names, bounds = _names(labels), tuple(float(bound) for bound in buckets)
        if sorted(set(bounds)) != list(bounds) or not all(isfinite(bound) for bound in bounds):
            raise ValueError(f"histogram {name!r}: buckets must be finite and rising: {bounds}")
        made = Histogram(names, None, bounds)
        return self._get(made, name, names, bounds, kind="histogram", help=help, unit=unit)

    def unregister(self) -> None:
        """Withdraw the group; its instruments go on counting for nobody."""
        self.registration.unregister()

    def _get(
        self, made: Made, name: str, names: tuple[str, ...], *more: object, **description: object
    ) -> Made:
        description = {**description, "labels": names}
        alike = (type(made), tuple(sorted(description.items(), key=str)), *more)
        if name not in self._instruments:
            self.registration.declare(name, description)
        known, as_declared = self._instruments.setdefault(name, (made, alike))
        if as_declared != alike:
            raise ValueError(f"instrument '{self.name}.{name}' exists and is described otherwise")
        assert isinstance(known, type(made))  # noqa: S101 - described alike
        return known

    def _started(self) -> float:
        return self._start

    def _sample(self) -> Iterator[tuple[Any, ...]]:
        for name, (instrument, _) in list(self._instruments.items()):
            yield from instrument._samples(name)  # noqa: SLF001 - one room

    def _restart(self) -> None:
        self._start = time.time()
        for instrument, _ in list(self._instruments.values()):
            for cell in instrument._all():  # noqa: SLF001
                cell._restart()  # noqa: SLF001


def _names(labels: Iterable[str]) -> tuple[str, ...]:
    names = tuple(labels)
    if isinstance(labels, str) or not all(map(is_name, names)) or len(set(names)) < len(names):
        raise ValueError(f"labels must be distinct label names in a tuple, got {short(labels)}")
    return names


_groups: WeakSet[Instruments] | None = None


def _remember(group: Instruments) -> None:
    """Let a forked child start the group at zero: what the parent counted is the parent's."""
    global _groups  # noqa: PLW0603 - weakref is loaded when it is first needed
    if _groups is None:
        import os
        from weakref import WeakSet

        _groups = WeakSet()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_restart_all)
    _groups.add(group)


def _restart_all() -> None:
    renew_lock()
    for group in list(_groups or ()):
        group._restart()  # noqa: SLF001
