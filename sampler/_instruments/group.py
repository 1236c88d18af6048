"""Instruments: a named group of counters, gauges and histograms that is itself a sampler.

One plain mapping is registered when the group is made; metrics are declared as they are made.
"""

from __future__ import annotations

from sampler._contract.declaration import label_text, rule_for_names, short
from sampler._contract.names import MAX_BUCKETS, OVERFLOW, is_name
from sampler._instruments.counter import Counter
from sampler._instruments.gauge import Gauge
from sampler._instruments.histogram import Histogram
from sampler._instruments.home import Home, calling_frame
from sampler._instruments.labelled import MAX_CHILDREN, Labelled
from sampler._instruments.labelled_kinds import LabelledCounter, LabelledGauge, LabelledHistogram
from sampler._instruments.roster import Place, Roster, rosters
from sampler._registry.registry import state_of
from sampler._runtime.typing_stubs import overload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, Literal, TypeAlias, TypeVar

    from sampler._instruments.exemplars import ExemplarCounter, ExemplarHistogram
    from sampler._instruments.facts import Info, States
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
        self._max_children = _count(max_children)
        home, frame = registries.default if registry is None else registry, calling_frame()
        given = (labels or {}).items()
        constant = {f"{key}": label_text(value) or value for key, value in given if value != ""}
        place, known = Place(frame), None
        for each in rosters(name, constant):
            if each.registry is home and place.is_again(each.place):
                known = each
        self._inherited: set[str] = set() if known is None else set(known.instruments)
        """What was made before the module was reloaded, and not asked for since."""
        self._roster = Roster(name, home, constant, self._max_children, frame) if known is None else known

    @classmethod
    def of(cls, roster: Roster) -> Instruments:
        """Return a group of instruments that there are."""
        group = cls.__new__(cls)
        group.name, group._roster, group._inherited = roster.name, roster, set()
        group._max_children = roster.max_children
        return group

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
        names, most = _names(labels), self._most(max_children)
        if exemplars is None:
            single, make = Counter(), Counter
        else:
            single, make = _exemplary_counter(exemplars)
        made = LabelledCounter(names, make, most, direct=make is Counter) if names else single
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
        names, most = _names(labels), self._most(max_children)
        made = LabelledGauge.aging(names, most, expire) if names else Gauge()
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
        names, most = _names(labels), self._most(max_children)
        bounds, plain = _bounds(name, buckets), exemplars is None
        single = Histogram((), bounds) if plain else _exemplary_histogram(exemplars, bounds)
        alike = single._alike  # noqa: SLF001 - its own
        made = LabelledHistogram(names, alike, most, direct=plain) if names else single
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
        names = _names(texts)
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
        names, made = _names((label,)), States(label, states)
        known = self._get(made, name, names, None, None, None, made.states, **described)
        if known is made:
            known.enter(made.states[0])
        return known

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
        expire: float | None,
        *more: object,
        **given: object,
    ) -> Made:
        if expire is not None and not (names and expire > 0):
            raise ValueError(f"expire must be seconds above 0 and needs labels, got {expire!r}")
        roster = self._roster
        description = {key: value for key, value in given.items() if value} | {"labels": names}
        alike = (type(made), tuple(sorted(description.items(), key=str)), expire, *more)
        inherited, known = name in self._inherited, roster.instruments.get(name)
        self._inherited.discard(name)
        if inherited and known is not None and known[1] != alike:  # the module was edited
            roster.register_anew()
            known = None
        if known is None:
            if clash := roster.labels.keys() & names:
                raise ValueError(f"'{self.name}' has the constant label {min(clash)!r} already")
            roster.registration.declare(name, description)
            _place(made, roster, name)
            if isinstance(made, Labelled) and expire is not None:
                made._departing(expire)  # noqa: SLF001 - its own
            if "_" in name:
                _hint(roster, name)
        known_as, as_declared = roster.instruments.setdefault(name, (made, alike))
        bound = getattr(known_as, "max_children", max_children)
        if as_declared != alike or (max_children is not None and max_children != bound):
            raise ValueError(f"instrument '{self.name}.{name}' exists and is described otherwise")
        return known_as  # type: ignore[no-any-return]

    def __reduce__(self) -> tuple[Any, ...]:
        from sampler._instruments.copies import reduced_group

        return reduced_group(self._roster)


def _exemplary_counter(hook: Exemplars) -> tuple[Counter, Callable[..., Counter]]:
    """Return a counter that keeps exemplars, and what makes such ones with labels."""
    from functools import partial

    from sampler._instruments.exemplars import ExemplarCounter

    make = partial(ExemplarCounter, hook)
    return make(), make


def _exemplary_histogram(hook: Any, bounds: tuple[float, ...] | None) -> Histogram:
    """Return a histogram that keeps exemplars."""
    from sampler._instruments.exemplars import ExemplarHistogram

    return ExemplarHistogram(hook, (), bounds)


def _place(made: Instrument, roster: Roster, name: str) -> None:
    """Give a new instrument its home."""
    made._home = Home(roster, name)  # noqa: SLF001 - its own
    made._home.instrument = made  # noqa: SLF001


def _hint(roster: Roster, name: str) -> None:
    """Say which name would be better, if there is one."""
    from sampler._contract.better_names import hints

    metrics = state_of(roster.registration).declaration.metrics
    for sentence in hints(roster.name, {name: metrics[name]}):
        from sampler._runtime.log import log

        log.warning("instrument %s", sentence)


def _names(labels: Iterable[str]) -> tuple[str, ...]:
    names = tuple(labels)
    if isinstance(labels, str):
        raise ValueError(f"labels must be label names in a tuple, got {short(labels)}")
    for name in names:
        if not is_name(name):
            raise ValueError(f"label {short(name)} is not a name: {rule_for_names(name)}")
    if len(set(names)) < len(names):
        raise ValueError(f"labels must be distinct label names, got {short(labels)}")
    if OVERFLOW in names:
        raise ValueError(f"the label {OVERFLOW!r} is reserved for the surplus: rename yours")
    return names


def _bounds(name: str, buckets: Iterable[float] | None) -> tuple[float, ...] | None:
    """Return upper bounds; infinity, which is the count, is none of them."""
    if buckets is None:
        return None
    bounds = tuple(float(bound) for bound in buckets)
    if bounds[-1:] == (_INFINITE,):
        bounds = bounds[:-1]
    if sorted(set(bounds)) != list(bounds) or not all(-_INFINITE < b < _INFINITE for b in bounds):
        raise ValueError(f"histogram {name!r}: buckets must be finite and rising: {bounds}")
    if len(bounds) > MAX_BUCKETS:
        raise ValueError(f"histogram {name!r}: at most {MAX_BUCKETS} buckets are taken")
    return bounds


_INFINITE = float("inf")


def _count(max_children: int) -> int:
    if type(max_children) is not int or max_children < 1:
        raise ValueError(f"max_children must be an integer of at least 1, got {max_children!r}")
    return max_children
