"""Instruments: a named group of counters, gauges and histograms that is itself a sampler.

One plain mapping is registered when the group is made; metrics are declared as they are made.
"""

from __future__ import annotations

from sampler._instruments.all_groups import registered
from sampler._instruments.arguments import (
    MADE,
    bucket_bounds,
    constant_labels,
    differences,
    exemplary_counter,
    exemplary_histogram,
    kinds,
    label_names,
    positive,
    tell_better_name,
)
from sampler._instruments.counter import Counter
from sampler._instruments.gauge import Gauge
from sampler._instruments.histogram import Histogram
from sampler._instruments.home import Home, calling_frame
from sampler._instruments.labelled import MAX_CHILDREN, Labelled
from sampler._instruments.roster import Place, Roster
from sampler._runtime.typing_stubs import overload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Literal, TypeAlias, TypeVar

    from sampler._instruments.exemplars import ExemplarCounter, ExemplarHistogram
    from sampler._instruments.facts import Info, States
    from sampler._instruments.labelled_kinds import (
        LabelledCounter,
        LabelledGauge,
        LabelledHistogram,
    )
    from sampler._registry.registry import Registration, Registry
    from sampler.types import Exemplars, Merge, Scope

    OptionalScope: TypeAlias = Scope | Literal[""]

    Instrument: TypeAlias = Counter | Gauge | Histogram | Labelled[Any]
    Made = TypeVar("Made", bound=Instrument)


class Instruments:
    """A named group of instruments; it registers itself as a sampler.

    A module that is reloaded, or imported a second time, gets the group that it made before, with
    what was counted; so does a cell of a notebook that runs again.

    Args:
        name: the sampler's name.
        registry: where; default: the default registry.
        labels: constant labels, which all of its series have.
        max_children: sets of label values that each of its instruments holds, unless the
            instrument sets another bound; what is recorded for others is labelled
            ``overflow="true"``; a gauge refuses and counts it.

    Attributes:
        name: the sampler's name.

    Raises:
        InvalidSampler: ``name`` is not a sampler name, or ``labels`` are no labels.
        SamplerConflict: another sampler has that name and these constant labels.
        ValueError: ``max_children`` is not an integer of at least 1.
    """

    def __init__(
        self,
        name: str,
        registry: Registry | None = None,
        *,
        labels: Mapping[str, object] | None = None,
        max_children: int = MAX_CHILDREN,
    ) -> None:
        from sampler._registry import registry as registries

        self.name: str = name
        self._max_children = positive(max_children)
        home, frame = registries.default if registry is None else registry, calling_frame()
        constant, place, known = constant_labels(labels), Place(frame), None
        for each in registered(name, constant):
            if each.registry is home and place.is_again(each.place):
                known = each
        self._inherited: set[str] = set() if known is None else set(known.instruments)
        """What was made before the module was reloaded, and not asked for since."""
        if known is None:
            known = Roster(name, home, constant, self._max_children, frame)
        self._roster: Roster = known
        self._roster.group = self

    @property
    def registration(self) -> Registration:
        """Its registration, by which discovery recognises a group."""
        return self._roster.registration

    @overload
    def counter(
        self,
        name: str,
        *,
        help: str = "",
        unit: str = "",
        scope: OptionalScope = "",
        exemplars: None = None,
    ) -> Counter: ...
    @overload
    def counter(
        self,
        name: str,
        *,
        exemplars: Exemplars,
        help: str = "",
        unit: str = "",
        scope: OptionalScope = "",
    ) -> ExemplarCounter: ...
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
        expire: float | None = None,
        exemplars: Exemplars | None = None,
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
        expire: float | None = None,
        exemplars: Exemplars | None = None,
    ) -> Counter | LabelledCounter:
        """Return the counter ``name``: a new one, or the one made before with the same arguments.

        Args:
            name: the metric's name.
            help: one sentence.
            unit: UCUM code.
            scope: ``interpreter``, ``process``, ``server`` or ``host``; default: ``process``.
            labels: label names; with them there is a counter for each set of label values.
            max_children: how many of them, at most; default: the group's bound.
            expire: seconds after which one that nobody has recorded to is removed.
            exemplars: ``True``, or what returns one for each recording; only OpenMetrics has them.

        Raises:
            InvalidSampler: ``name`` is not a metric name, or ``scope`` is not one of these.
            ValueError: ``name`` exists and was made otherwise; or ``max_children`` is not an
                integer of at least 1; or ``expire`` is not positive, or there are no labels.
        """
        names, most = label_names(labels), self._most(max_children)
        make = Counter if exemplars is None else exemplary_counter(exemplars)
        made: Counter | LabelledCounter = make()
        if names:
            made = kinds().LabelledCounter(names, make, most, direct=make is Counter)
        described = {"kind": "counter", "help": help, "unit": unit, "scope": scope}
        return self._get(made, name, names, max_children, expire, exemplars, **described)

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
        expire: float | None = None,
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
        expire: float | None = None,
    ) -> Gauge | LabelledGauge:
        """Return the gauge ``name``; see :meth:`counter`.

        ``merge`` (``sum``, ``max``, ``min``) says how the values of several processes combine.
        """
        names, most = label_names(labels), self._most(max_children)
        made = kinds().LabelledGauge._aging(names, most, expire) if names else Gauge()
        described = {"kind": "gauge", "help": help, "unit": unit, "scope": scope, "merge": merge}
        return self._get(made, name, names, max_children, expire, None, **described)

    @overload
    def histogram(
        self,
        name: str,
        *,
        help: str = "",
        unit: str = "",
        scope: OptionalScope = "",
        buckets: Iterable[float] | None = None,
        exemplars: None = None,
    ) -> Histogram: ...
    @overload
    def histogram(
        self,
        name: str,
        *,
        exemplars: Exemplars,
        help: str = "",
        unit: str = "",
        scope: OptionalScope = "",
        buckets: Iterable[float] | None = None,
    ) -> ExemplarHistogram: ...
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
        expire: float | None = None,
        exemplars: Exemplars | None = None,
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
        expire: float | None = None,
        exemplars: Exemplars | None = None,
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
            expire: as for a counter.
            exemplars: as for a counter; one is kept for each bucket.

        Raises:
            InvalidSampler: as for a counter.
            ValueError: as for a counter; or bounds are not finite and rising, or are too many.
        """
        names, most = label_names(labels), self._most(max_children)
        bounds, plain = bucket_bounds(name, buckets), exemplars is None
        single = Histogram((), bounds) if plain else exemplary_histogram(exemplars, bounds)
        made: Histogram | LabelledHistogram = single
        if names:
            made = kinds().LabelledHistogram(names, single._alike, most, direct=plain)
        described = {"kind": "histogram", "help": help, "unit": unit, "scope": scope}
        return self._get(made, name, names, max_children, expire, exemplars, bounds, **described)

    def info(self, name: str, texts: Mapping[str, object], *, help: str = "") -> Info:
        """Return a gauge that is 1 and has these texts as its labels, as of a version.

        Args:
            name: the metric's name.
            texts: by label name; :meth:`Info.say` replaces them.
            help: one sentence.

        Raises:
            InvalidSampler: as for a counter.
            ValueError: as for a counter.
        """
        from sampler._instruments.facts import Info

        described = {"kind": "gauge", "help": help, "merge": "max"}
        names = label_names(texts)
        made: Info = self._get(Info(names), name, names, None, None, None, **described)
        made.say(texts)
        return made

    def states(
        self, name: str, states: Iterable[str], *, label: str = "state", help: str = ""
    ) -> States:
        """Return a gauge for each state, of which one is 1; :meth:`States.enter` says which.

        Args:
            name: the metric's name.
            states: all of them; it is in the first one.
            label: the label that tells them apart.
            help: one sentence.

        Raises:
            InvalidSampler: as for a counter.
            ValueError: as for a counter; or there are no states.
        """
        from sampler._instruments.facts import States

        described = {"kind": "gauge", "help": help}
        names, made = label_names((label,)), States(label, states)
        known = self._get(made, name, names, None, None, None, made.states, **described)
        if known is made:
            known.enter(made.states[0])
        return known

    def unregister(self) -> None:
        """Withdraw the group; its instruments go on counting, and nobody reads them."""
        self.registration.unregister()

    def _most(self, max_children: int | None) -> int:
        return self._max_children if max_children is None else positive(max_children)

    def _get(
        self,
        made: Made,
        name: str,
        names: tuple[str, ...],
        max_children: int | None,
        expire: float | None,
        *more: object,
        **given: object,
    ) -> Made:
        if expire is not None and not (names and expire > 0):
            raise ValueError(f"expire must be seconds above 0 and needs labels, got {expire!r}")
        roster = self._roster
        description = {key: value for key, value in given.items() if value} | {"labels": names}
        alike = {**description, "expire": expire, MADE: (type(made), *more)}
        inherited, known = name in self._inherited, roster.instruments.get(name)
        self._inherited.discard(name)
        if inherited and known is not None and known[1] != alike:  # the module was edited
            roster.without(name)
            known = None
        if known is None:
            if clash := roster.labels.keys() & names:
                raise ValueError(f"'{self.name}' has the constant label {min(clash)!r} already")
            roster.declare(name, description)
            _place(made, roster, name)
            if isinstance(made, Labelled) and expire is not None:
                made._departing(expire)
            if "_" in name:
                tell_better_name(roster, name)
        known_as, as_declared = roster.instruments.setdefault(name, (made, alike))
        bound = getattr(known_as, "max_children", max_children)
        if as_declared != alike or (max_children is not None and max_children != bound):
            raise ValueError(
                f"instrument '{self.name}.{name}' exists and is described otherwise: there it has "
                f"{differences(as_declared, alike)}; say the same here, or choose another name"
            )
        return known_as  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"<Instruments {self.name}: {', '.join(self._roster.instruments) or 'none yet'}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return self._roster.reduced()


def _place(made: Instrument, roster: Roster, name: str) -> None:
    """Give a new instrument its home."""
    made._home = Home(roster, name)
    made._home.instrument = made
