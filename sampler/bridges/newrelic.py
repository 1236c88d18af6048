"""Data sources of New Relic's agent as samplers: generators and factories.

What a source tells as a mapping is of the time since the last call, so each consumer has an
instance of its own, and the bridge adds it up: with a ``total`` to a histogram without buckets,
with a ``count`` alone to a counter; ``min`` and ``max`` are gauges. Segments of a path that are
numbers, or have a colon, become labels. In ``sampler.toml``::

    [bridges.newrelic.sources]
    cpu = "newrelic.samplers.cpu_usage:cpu_usage_data_source"
    pool = {object = "myapp:pool_source", settings = {limit = 10}}
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, Any

from sampler.bridges._guarded import Guard, Patience
from sampler.bridges._last import Last
from sampler.bridges._log import FAILURES, Failures
from sampler.bridges._names import Names
from sampler.bridges._waiting import CHECK, Reference, known, require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sampler import Registration, Registry
    from sampler.types import Sampler

__all__ = ("SAMPLER", "register", "sampler_of")

NAME = "newrelic"
_GAUGE, _COUNTER, _HISTOGRAM = ({"kind": kind} for kind in ("gauge", "counter", "histogram"))
_THEIRS, _OURS = "newrelic", "sampler_newrelic"
"""The package of the agent, and that of a data source of all samplers."""
_MOST_PATHS = 10_000
"""Paths of one source: each is remembered."""


def sampler_of(
    source: Callable[[Any], Any], *, name: str = NAME, settings: Mapping[str, Any] | None = None
) -> Sampler:
    """Return a sampler that tells what a data source does.

    Args:
        source: what ``data_source_generator`` or ``data_source_factory`` has made: a callable
            that takes settings and returns properties, ``factory`` among them.
        name: the sampler's name.
        settings: for the source; default: those of ``[samplers.settings]``.
    """

    def factory(environ: Mapping[str, Any]) -> _One:
        given = environ["settings"] if settings is None else settings
        return _One(source, given, environ, name)

    return {"name": name, "factory": factory}


def register(
    source: Callable[[Any], Any],
    *,
    name: str = NAME,
    registry: Registry | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Registration:
    """Register what :func:`sampler_of` returns.

    Args:
        source: likewise.
        name: likewise.
        registry: where; default: the default registry.
        settings: as of :func:`sampler_of`.
    """
    import sampler

    made = sampler_of(source, name=name, settings=settings)
    return (registry or sampler.registry).register(made)


class _Instance:
    """One consumer's instance of a source; started when it is made."""

    def __init__(
        self,
        source: Callable[[Any], Any],
        settings: Mapping[str, Any],
        consumer: str,
        names: Names,
        fail: Callable[[Exception], object],
    ) -> None:
        properties = source(dict(settings))
        group = properties.get("group")
        self._prefix = f"{group.rstrip('/')}/" if group else ""
        self._names = names
        self._fail = fail
        self._totals: dict[str, tuple[float, float]] = {}
        self._grown: dict[str, tuple[Any, ...]] = {}
        self._paths: dict[str, tuple[str, dict[str, str]]] = {}
        self._made = properties["factory"](
            {
                "consumer.name": consumer,
                "consumer.vendor": "sampler-api",
                "producer.name": properties.get("name"),
                "producer.group": group,
                "producer.guid": properties.get("guid"),
                "producer.version": properties.get("version"),
            }
        )
        if self._made is None:
            raise ValueError(f"data source {properties.get('name')!r} has returned no instance")
        if hasattr(self._made, "start"):
            self._made.start()

    def __call__(self) -> Iterator[tuple[Any, ...]]:
        """Yield the samples of one pull; totals also where this call has told nothing new."""
        told: dict[str, list[Any]] = {}
        for path, value in self._made() or ():
            told.setdefault(str(path), []).append(value)
        for path, values in told.items():
            gauges: list[tuple[Any, ...]] = []
            try:
                gauges = self._take(path, values)
            except Exception as error:  # what other paths were told is told once, too
                self._fail(error)
            if path in self._grown:
                yield self._grown[path]
            yield from gauges
        yield from (row for path, row in self._grown.items() if path not in told)

    def close(self) -> None:
        """Stop the source."""
        if hasattr(self._made, "stop"):
            self._made.stop()

    def _take(self, path: str, values: list[Any]) -> list[tuple[Any, ...]]:
        """Take what a path was told, and return its gauges: of numbers the last one counts.

        Raises:
            ValueError: there are too many paths, or a number is none.
            TypeError: a number is none.
        """
        if (found := self._paths.get(path)) is None:
            if len(self._paths) >= _MOST_PATHS:
                raise ValueError(f"more than {_MOST_PATHS:,} paths: new ones are left out")
            found = self._paths[path] = self._split(path)
        name, labels = found
        if not isinstance(values[-1], Mapping):
            return [(name, values[-1], labels, _GAUGE)]
        parts = [value for value in values if isinstance(value, Mapping)]
        before = self._totals.get(path, (0, 0))
        count, total = (
            _sum(before[place], (part.get(key, 0) for part in parts))
            for place, key in enumerate(("count", "total"))
        )
        self._totals[path] = count, total
        if any("total" in part for part in parts):
            self._grown[path] = name, {"count": count, "sum": total}, labels, _HISTOGRAM
        elif any("count" in part for part in parts):
            self._grown[path] = name, count, labels, _COUNTER
        rows: list[tuple[Any, ...]] = []
        for key, of in (("min", min), ("max", max)):
            if amounts := [part[key] for part in parts if key in part and part.get("count", 1)]:
                rows.append((f"{name}.{key}", of(amounts), labels, _GAUGE))
        return rows

    def _split(self, path: str) -> tuple[str, dict[str, str]]:
        """Return the name of a path, and its labels."""
        words: list[str] = []
        labels: dict[str, str] = {}
        for segment in f"{self._prefix}{path}".split("/"):
            if segment.isdecimal() or ":" in segment:
                labels[f"part{len(labels) + 1}"] = segment
            elif segment:
                words.append(segment)
        return self._names.of("/".join(words)), labels


def _sum(before: float, numbers: Iterable[float]) -> float:
    total = sum(numbers, before)
    if not isfinite(total):  # it would stay so for ever
        raise ValueError("has a number that is none")
    return total


class _One:
    """A single source, for one consumer."""

    def __init__(
        self,
        source: Callable[[Any], Any],
        settings: Mapping[str, Any],
        environ: Mapping[str, Any],
        name: str,
    ) -> None:
        self._failures = Failures(name)
        fail = partial(self._failures.count, name)
        self._made = _Instance(
            source, settings, str(environ["consumer"]), Names((FAILURES,)), fail
        )

    def __call__(self) -> Iterator[tuple[Any, ...]]:
        """Yield the samples of one pull."""
        yield from self._made()
        yield from self._failures.samples()

    def close(self) -> None:
        """Stop the source."""
        self._made.close()


class _Sources:
    """The sources of a configuration, for one consumer; each begins when its program has it."""

    def __init__(self, environ: Mapping[str, Any]) -> None:
        self._wanted = _wanted(environ["settings"])
        self._consumer = str(environ["consumer"])
        self._made: dict[str, _Instance] = {}
        self._last = {name: Last() for name in self._wanted}
        self._names = Names((FAILURES,))
        self._failures = Failures(NAME)
        self._guard, self._deadline = Guard(), environ["deadline"]

    def __call__(self) -> Iterator[tuple[Any, ...]]:
        patience = Patience(self._deadline)
        for name, (reference, settings) in self._wanted.items():
            rows = self._rows(name, reference, settings, patience)
            yield from self._last[name].read(rows, partial(self._failures.count, name))
        yield from self._failures.samples()

    def _rows(
        self,
        name: str,
        reference: Reference,
        settings: Mapping[str, Any],
        patience: Patience,
    ) -> Iterator[tuple[Any, ...]]:
        source = reference.get()
        if source is not None or name in self._made:
            told = partial(self._told, name, source, settings)
            yield from self._guard.call(reference, told, patience.left())

    def _told(self, name: str, source: Any, settings: Mapping[str, Any]) -> Iterator[Any]:
        """Return the samples of a source, which is made if it is not; on a thread of its own."""
        if name not in self._made:
            fail = partial(self._failures.count, name)
            made = _Instance(source, settings, self._consumer, self._names, fail)
            self._made[name] = made
        return self._made[name]()

    def close(self) -> None:
        """Stop all sources."""
        for name, made in self._made.items():
            try:
                made.close()
            except Exception as error:
                self._failures.count(name, error)


def _wanted(settings: Mapping[str, Any]) -> dict[str, tuple[Reference, Mapping[str, Any]]]:
    """Return what settings name; raise where they are wrong."""
    known(settings, "sources")
    table = settings.get("sources", {})
    if not isinstance(table, Mapping):
        raise ValueError(f"sources: expected a table of names and objects, got {table!r}")
    return {name: _configured(name, given) for name, given in table.items()}


def _configured(name: str, given: Any) -> tuple[Reference, Mapping[str, Any]]:
    where = f"sources.{name}"
    if isinstance(given, str):
        return _source(given, where), {}
    if not isinstance(given, Mapping):
        raise ValueError(f"{where}: expected 'package.module:OBJECT' or a table, got {given!r}")
    known(given, "object", "settings")
    settings = given.get("settings", {})
    if not isinstance(settings, Mapping):
        raise ValueError(f"{where}.settings: expected a table, got {settings!r}")
    return _source(given.get("object"), f"{where}.object"), settings


def _source(given: object, where: str) -> Reference:
    found = Reference(given, where)
    package = found.text.partition(":")[0].partition(".")[0]
    if package == _OURS:
        raise ValueError(f"{where}: {given!r} tells samplers: numbers would go round for ever")
    if package == _THEIRS:
        require(package, package)
    return found


SAMPLER: dict[str, Any] = {"name": NAME, "factory": partial(_Sources), CHECK: _wanted}
"""The sampler ``newrelic``: what ``[bridges.newrelic]`` names."""
