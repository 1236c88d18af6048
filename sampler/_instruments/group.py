"""Instruments: a named group of counters, gauges and histograms that is itself a sampler.

One plain mapping is registered when the group is made; metrics are declared as they are made.
"""

from __future__ import annotations

import time
from _weakref import ref  # weakref, without all of weakref
from itertools import chain
from math import isfinite

from sampler._contract.declaration import Bounded, InstrumentSamples, short
from sampler._contract.names import MAX_BUCKETS, OVERFLOW, is_name
from sampler._instruments.counter import Counter
from sampler._instruments.free_threading import renew_lock
from sampler._instruments.gauge import Gauge
from sampler._instruments.histogram import Histogram
from sampler._instruments.labelled import (
    MAX_CHILDREN,
    Labelled,
    LabelledCounter,
    LabelledGauge,
    LabelledHistogram,
)
from sampler._runtime.fork import in_child
from sampler._runtime.typing_stubs import overload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, Literal, TypeAlias, TypeVar

    from sampler._registry.registry import Registration, Registry
    from sampler.types import Merge, Scope

    OptionalScope: TypeAlias = Scope | Literal[""]

    Instrument: TypeAlias = Counter | Gauge | Histogram | Labelled[Any]
    Made = TypeVar("Made", bound=Instrument)


class Instruments:
    """A named group of instruments; it registers itself as a sampler.

    Args:
        name: the sampler's name.
        registry: where; default: the default registry.
        max_children: sets of label values that each of its instruments holds, unless the
            instrument sets another bound; what is recorded for others is labelled
            ``overflow="true"``; a gauge refuses and counts it.

    Attributes:
        registration: its registration, by which discovery recognises a group.

    Raises:
        InvalidSampler: ``name`` is not a sampler name.
        SamplerConflict: another sampler has that name.
        ValueError: ``max_children`` is not an integer of at least 1.
    """

    def __init__(
        self, name: str, registry: Registry | None = None, *, max_children: int = MAX_CHILDREN
    ) -> None:
        from sampler._registry import registry as registries

        self.name: str = name
        self._max_children = _count(max_children)
        self._start = time.time()
        self._instruments: dict[str, tuple[Instrument, object]] = {}
        home = registries.default if registry is None else registry
        self.registration: Registration = home.register(
            Bounded({"name": name, "sample": self._sample, "start": self._started})
        )
        _remember(self)

    @overload
    def counter(
        self, name: str, *, help: str = "", unit: str = "", scope: OptionalScope = ""
    ) -> Counter: ...
    @overload
    def counter(
        self,
        name: str,
        *,
        labels: Iterable[str],
        help: str = "",
        unit: str = "",
        scope: OptionalScope = "",
        max_children: int | None = None,
    ) -> LabelledCounter: ...
    def counter(
        self,
        name: str,
        *,
        help: str = "",
        unit: str = "",
        scope: OptionalScope = "",
        labels: Iterable[str] = (),
        max_children: int | None = None,
    ) -> Counter | LabelledCounter:
        """Return the counter ``name``: a new one, or the one made before with the same arguments.

        Args:
            name: the metric's name.
            help: one sentence.
            unit: UCUM code.
            scope: ``interpreter``, ``process``, ``server`` or ``host``; default: ``process``.
            labels: label names; with them there is a counter for each set of label values.
            max_children: how many of them, at most; default: the group's bound.

        Raises:
            InvalidSampler: ``name`` is not a metric name, or ``scope`` is not one of these.
            ValueError: ``name`` exists and was made otherwise; or ``max_children`` is not an
                integer of at least 1.
        """
        names, most = _names(labels), self._most(max_children)
        made = LabelledCounter(names, Counter, most) if names else Counter()
        described = {"kind": "counter", "help": help, "unit": unit, "scope": scope}
        return self._get(made, name, names, max_children, **described)

    @overload
    def gauge(
        self,
        name: str,
        *,
        help: str = "",
        unit: str = "",
        scope: OptionalScope = "",
        merge: Merge | None = None,
    ) -> Gauge: ...
    @overload
    def gauge(
        self,
        name: str,
        *,
        labels: Iterable[str],
        help: str = "",
        unit: str = "",
        scope: OptionalScope = "",
        merge: Merge | None = None,
        max_children: int | None = None,
    ) -> LabelledGauge: ...
    def gauge(
        self,
        name: str,
        *,
        help: str = "",
        unit: str = "",
        scope: OptionalScope = "",
        labels: Iterable[str] = (),
        merge: Merge | None = None,
        max_children: int | None = None,
    ) -> Gauge | LabelledGauge:
        """Return the gauge ``name``; see :meth:`counter`.

        ``merge`` (``sum``, ``max``, ``min``) says how the values of several processes combine.
        """
        names, most = _names(labels), self._most(max_children)
        made = LabelledGauge(names, Gauge, most) if names else Gauge()
        described = {"kind": "gauge", "help": help, "unit": unit, "scope": scope, "merge": merge}
        return self._get(made, name, names, max_children, **described)

    @overload
    def histogram(
        self,
        name: str,
        *,
        help: str = "",
        unit: str = "",
        scope: OptionalScope = "",
        buckets: Iterable[float] | None = None,
    ) -> Histogram: ...
    @overload
    def histogram(
        self,
        name: str,
        *,
        labels: Iterable[str],
        help: str = "",
        unit: str = "",
        scope: OptionalScope = "",
        buckets: Iterable[float] | None = None,
        max_children: int | None = None,
    ) -> LabelledHistogram: ...
    def histogram(
        self,
        name: str,
        *,
        help: str = "",
        unit: str = "",
        scope: OptionalScope = "",
        labels: Iterable[str] = (),
        buckets: Iterable[float] | None = None,
        max_children: int | None = None,
    ) -> Histogram | LabelledHistogram:
        """Return the histogram ``name``; see :meth:`counter`.

        Args:
            name: the metric's name.
            help: one sentence.
            unit: UCUM code; ``s`` for a timer.
            scope: as for a counter.
            labels: label names, as for a counter.
            buckets: upper bounds; default: exponential ones, eight for each power of two, so that
                quantiles are within 9.1 %.
            max_children: as for a counter.

        Raises:
            InvalidSampler: as for a counter.
            ValueError: as for a counter; or bounds are not finite and rising, or are too many.
        """
        names, most = _names(labels), self._most(max_children)
        bounds = None if buckets is None else tuple(float(bound) for bound in buckets)
        if bounds is not None and (
            sorted(set(bounds)) != list(bounds) or not all(map(isfinite, bounds))
        ):
            raise ValueError(f"histogram {name!r}: buckets must be finite and rising: {bounds}")
        if bounds is not None and len(bounds) > MAX_BUCKETS:
            raise ValueError(f"histogram {name!r}: at most {MAX_BUCKETS} buckets are taken")
        single = Histogram((), bounds)
        made = LabelledHistogram(names, single._alike, most) if names else single  # noqa: SLF001
        described = {"kind": "histogram", "help": help, "unit": unit, "scope": scope}
        return self._get(made, name, names, max_children, bounds, **described)

    def unregister(self) -> None:
        """Withdraw the group; its instruments go on counting, and nobody reads them."""
        self.registration.unregister()

    def _most(self, max_children: int | None) -> int:
        return self._max_children if max_children is None else _count(max_children)

    def _get(
        self,
        made: Made,
        name: str,
        names: tuple[str, ...],
        max_children: int | None,
        *more: object,
        **given: object,
    ) -> Made:
        description = {key: value for key, value in given.items() if value} | {"labels": names}
        alike = (type(made), tuple(sorted(description.items(), key=str)), *more)
        if name not in self._instruments:
            self.registration.declare(name, description)
        known, as_declared = self._instruments.setdefault(name, (made, alike))
        bound = getattr(known, "max_children", max_children)
        if as_declared != alike or (max_children is not None and max_children != bound):
            raise ValueError(f"instrument '{self.name}.{name}' exists and is described otherwise")
        return known  # type: ignore[return-value]

    def _started(self) -> float:
        return self._start

    def _sample(self) -> InstrumentSamples:
        known = list(self._instruments.values())
        counts = (
            each._count() if isinstance(each, Labelled) else 1  # noqa: SLF001 - its own
            for each, _ in known
        )
        return InstrumentSamples((self, *counts), self._all_samples, self._all_values)

    def _all_samples(self) -> Iterable[tuple[Any, ...]]:
        return chain.from_iterable(self._samples())

    def _all_values(self) -> list[Any]:
        values: list[Any] = []
        for instrument, _ in list(self._instruments.values()):
            if isinstance(instrument, Labelled):
                values += instrument._read_all()  # noqa: SLF001 - its own
            else:
                values.append(instrument.read())
        return values

    def _samples(self) -> Iterator[list[tuple[Any, ...]]]:
        for name, (instrument, _) in list(self._instruments.items()):
            if isinstance(instrument, Labelled):
                yield instrument.samples(name)
            elif (value := instrument.read()) is not None:
                yield [(name, value)]

    def _restart(self) -> None:
        self._start = time.time()
        for instrument, _ in list(self._instruments.values()):
            for child in (
                instrument.children() if isinstance(instrument, Labelled) else (instrument,)
            ):
                child.restart()


def _names(labels: Iterable[str]) -> tuple[str, ...]:
    names = tuple(labels)
    if isinstance(labels, str) or not all(map(is_name, names)) or len(set(names)) < len(names):
        raise ValueError(f"labels must be distinct label names in a tuple, got {short(labels)}")
    if OVERFLOW in names:
        raise ValueError(f"the label {OVERFLOW!r} is reserved for the surplus: rename yours")
    return names


def _count(max_children: int) -> int:
    if type(max_children) is not int or max_children < 1:
        raise ValueError(f"max_children must be an integer of at least 1, got {max_children!r}")
    return max_children


_groups: set[ref[Instruments]] = set()
_forks_watched = False


def _remember(group: Instruments) -> None:
    """Have a forked child start the group at zero: what was counted belongs to the parent."""
    global _forks_watched  # noqa: PLW0603
    if not _forks_watched:
        _forks_watched = True
        in_child(_restart_all)
    _groups.add(ref(group, _groups.discard))


def _restart_all() -> None:
    renew_lock()
    for each in tuple(_groups):
        if (group := each()) is not None:
            group._restart()  # noqa: SLF001
