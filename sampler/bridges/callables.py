"""A mapping, a callable, an object's attributes or psutil-style tuples as a sampler.

In ``sampler.toml``, by the name that their metrics begin with::

    [bridges.callables.sources]
    cache = "myapp:CACHE_STATS"
    pool = {object = "myapp:POOL", attributes = ["size", "used"], counters = ["used"]}
    disk = {object = "psutil:disk_io_counters", counters = ["*"]}
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from sampler.bridges._guarded import Guard, Patience
from sampler.bridges._last import Last
from sampler.bridges._log import FAILURES, Failures
from sampler.bridges._names import Names
from sampler.bridges._waiting import CHECK, Reference, known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sampler import Registration, Registry
    from sampler.types import Sampler

__all__ = ("SAMPLER", "register", "sampler_of")

NAME = "callables"
_DEEPEST = 6
_MOST_VALUES = 20_000
"""Values of one source that are looked at: one that holds itself has no end."""
_PLAIN = (dict, int, float, bool, type(None))
_COUNTER, _GAUGE = {"kind": "counter"}, {"kind": "gauge"}


class _Source:
    """What one source has.

    Args:
        get: returns the source; None while there is none.
        attributes: names of its attributes; none: it is read itself.
        counters: patterns of the metrics that only grow.
        label: the label for the keys of tuples of one type.
    """

    def __init__(
        self,
        get: Callable[[], Any],
        attributes: Iterable[str] = (),
        counters: Iterable[str] = (),
        label: str = "name",
    ) -> None:
        self._get = get
        self._attributes = tuple(attributes)
        self._counters = tuple(counters)
        self._label = label
        self._names = Names((FAILURES,))

    def runs_code(self) -> bool:
        """Tell whether to read it may call somebody's code, which may hang."""
        return bool(self._attributes) or type(self._get()) not in _PLAIN

    def read(self, prefix: str = "") -> Iterator[tuple[Any, ...]]:
        """Yield its samples; what is no number is left out."""
        source = self._get()
        if source is None:
            return
        if self._attributes:
            source = {each: _called(getattr(source, each)) for each in self._attributes}
        for path, value, label in _walk(_called(source), (), self._label, count(1)):
            words = ".".join(path) or "value"
            grows = any(fnmatchcase(words, each) for each in self._counters)
            name = self._names.of(f"{prefix}.{words}" if prefix else words)
            yield name, value, label, _COUNTER if grows else _GAUGE


def _called(source: Any) -> Any:
    return source() if callable(source) and not isinstance(source, Mapping) else source


def _walk(
    value: Any,
    path: tuple[str, ...],
    label: str,
    seen: Iterator[int],
    labels: Mapping[str, str] | None = None,
) -> Iterator[tuple[tuple[str, ...], Any, Mapping[str, str] | None]]:
    """Yield path, number and labels of all numbers in a value.

    Raises:
        ValueError: there are too many values.
    """
    if len(path) > _DEEPEST:
        return
    if next(seen) > _MOST_VALUES:
        raise ValueError(f"has more than {_MOST_VALUES:,} values")
    if hasattr(value, "_asdict"):
        value = value._asdict()
    elif isinstance(value, list | tuple):
        value = {str(place): each for place, each in enumerate(value)}
    if isinstance(value, Mapping):
        kinds = {type(each) for each in value.values()}
        alike = len(kinds) == 1 and hasattr(kinds.pop(), "_asdict")
        for key, each in list(value.items()):
            if alike and labels is None:
                yield from _walk(each, path, label, seen, {label: str(key)})
            else:
                yield from _walk(each, (*path, str(key)), label, seen, labels)
    elif not isinstance(value, str | bytes) and (
        hasattr(type(value), "__float__") or hasattr(type(value), "__index__")
    ):
        yield path, value, labels


def sampler_of(
    source: Any,
    *,
    name: str,
    attributes: Iterable[str] = (),
    counters: Iterable[str] = (),
    label: str = "name",
) -> Sampler:
    """Return a sampler that tells the numbers of an object.

    Args:
        source: a number, a mapping of them (others in it are dotted names), a named tuple, a
            mapping or a list of named tuples of one type (``label`` tells them apart), or a
            callable that returns one of these. What is no number is left out.
        name: the sampler's name.
        attributes: read these attributes of ``source``; methods among them are called.
        counters: metrics that only grow: names, or patterns such as ``"bytes_*"``.
        label: the label for the keys of named tuples.
    """
    read = _Source(lambda: source, attributes, counters, label)
    return {"name": name, "sample": read.read}


def register(
    source: Any,
    *,
    name: str,
    registry: Registry | None = None,
    attributes: Iterable[str] = (),
    counters: Iterable[str] = (),
    label: str = "name",
) -> Registration:
    """Register what :func:`sampler_of` returns.

    Args:
        source: likewise.
        name: likewise.
        registry: where; default: the default registry.
        attributes: as of :func:`sampler_of`.
        counters: likewise.
        label: likewise.
    """
    import sampler

    made = sampler_of(source, name=name, attributes=attributes, counters=counters, label=label)
    return (registry or sampler.registry).register(made)


def _factory(environ: Mapping[str, Any]) -> Callable[[], Iterator[Any]]:
    sources = _wanted(environ["settings"])
    failures, last = Failures(NAME), {name: Last() for name in sources}
    guard, deadline = Guard(), environ["deadline"]

    def rows(name: str, source: _Source, patience: Patience) -> Iterator[Any]:
        read = partial(source.read, name)
        yield from guard.call(source, read, patience.left()) if source.runs_code() else read()

    def instance() -> Iterator[Any]:
        patience = Patience(deadline)
        for name, source in sources.items():
            told = rows(name, source, patience)
            yield from last[name].read(told, partial(failures.count, name))
        yield from failures.samples()

    return instance


def _wanted(settings: Mapping[str, Any]) -> dict[str, _Source]:
    """Return what settings name; raise where they are wrong."""
    known(settings, "sources")
    table = settings.get("sources", {})
    if not isinstance(table, Mapping):
        raise ValueError(f"sources: expected a table of names and objects, got {table!r}")
    return {name: _configured(name, given) for name, given in table.items()}


def _configured(name: str, given: Any) -> _Source:
    where = f"sources.{name}"
    if isinstance(given, str):
        return _Source(Reference(given, where).get)
    if not isinstance(given, Mapping):
        raise ValueError(f"{where}: expected 'package.module:OBJECT' or a table, got {given!r}")
    known(given, "object", "attributes", "counters", "label")
    texts = {key: given.get(key, []) for key in ("attributes", "counters")}
    for key, value in texts.items():
        if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
            raise ValueError(f"{where}.{key}: expected a list of texts, got {value!r}")
    label = given.get("label", "name")
    if not isinstance(label, str):
        raise ValueError(f"{where}.label: expected a text, got {label!r}")
    get = Reference(given.get("object"), f"{where}.object").get
    return _Source(get, texts["attributes"], texts["counters"], label)


SAMPLER: dict[str, Any] = {"name": NAME, "factory": _factory, CHECK: _wanted}
"""The sampler ``callables``: what ``[bridges.callables]`` names."""
