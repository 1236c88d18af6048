"""The ``functools`` sampler: caches of functions, those that the configuration names.

``[samplers.settings.functools] caches = ["shop.prices:price", "shop.tax"]``: a function, or all of
a module, once the program has imported that. ``cache_clear()`` begins its counts again.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_FUNCTION = "code.function.name"
_CACHED = type(lru_cache(int))


def _factory(environ: Mapping[str, Any]) -> Callable[[], Iterator[Any]]:
    """Return what reads the caches that the setting ``caches`` names."""
    told = {"caches": [], **environ["settings"]}
    named = told.pop("caches")
    if told or type(named) is not list or not all(type(each) is str for each in named):
        raise ValueError('expected caches = ["package.module:function"], and no other key')

    def sample() -> Iterator[Any]:
        for name, cached in {n: c for each in named for n, c in _found(each)}.items():
            for metric, value in zip(SAMPLER["metrics"], cached.cache_info(), strict=True):
                yield metric, value, {_FUNCTION: name}  # a limit of None is none

    return sample


def _found(name: str) -> Iterator[tuple[str, Any]]:
    module, _, path = name.partition(":")
    there: Any = sys.modules.get(module)
    if path and there is not None:
        yield f"{module}.{path}", attrgetter(path)(there)
        return
    for each, value in vars(there).copy().items() if there is not None else ():
        if type(value) is _CACHED and value.__module__ == module:
            yield f"{module}.{each}", value


def _metric(help_: str, kind: str = "gauge", unit: str = "{entry}") -> dict[str, object]:
    return {"kind": kind, "unit": unit, "help": help_, "labels": [_FUNCTION]}


SAMPLER: dict[str, Any] = {
    "name": "functools",
    "factory": _factory,
    "metrics": {
        "cache.hits": _metric("Calls answered from the cache.", "counter", "{call}"),
        "cache.misses": _metric("Calls that ran the function.", "counter", "{call}"),
        "cache.entry.limit": _metric("Results held at most."),
        "cache.entry.count": _metric("Results held."),
    },
}
