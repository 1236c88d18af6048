"""What installed distributions announce by entry points, and whether its time has come."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, distribution, distributions
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from importlib.metadata import Distribution
    from typing import Any

SAMPLERS = "sampler.samplers"
"""The group of samplers. Its subgroups, ``sampler.samplers.PACKAGE``, wait for that package."""
_BUILT_IN = "sampler.built_in"
"""The group of our own samplers, which no other vendor discovers: they load only when named."""
ONCE = "sampler.once"
"""The group of samplers that need no worker: they, too, load only when named. Under a relay the
relay pulls them, once for all processes."""
_STAND_INS = "sampler.contrib."
"""Where our samplers of other people's packages are: a package that has its own comes first."""
_BRIDGES, _BRIDGES_ONCE = "sampler.bridges", "sampler.bridges.once"
"""The groups of bridges, which no pattern loads: they may listen. Those of the second need no
worker."""
_BY_NAME = (_BUILT_IN, ONCE, _BRIDGES, _BRIDGES_ONCE)
_FAMILY = "sampler."
"""How the names of all our groups begin."""


class Announcement:
    """An object that a distribution announces.

    Attributes:
        name: the entry point's name.
        value: the reference, ``module:object``.
        module: the module of the reference.
        package: what has to be imported before: the package that a subgroup names, else the one
            that the module lies in; of a module at top level, the module.
        by_name_only: it waits for nothing but its name: it is built in, or needs no worker.
        once: it needs no worker.
        stands_in: it is ours, for a package that is not: it is left out where a module of that
            package is announced.
        bridge: it is a bridge.
    """

    __slots__ = (
        "_named",
        "_point",
        "bridge",
        "by_name_only",
        "module",
        "name",
        "once",
        "package",
        "stands_in",
        "value",
    )

    def __init__(self, point: EntryPoint, subgroup: str = "") -> None:
        self._point = point
        self.name: str = point.name
        self.value: str = point.value
        self.module: str = point.value.partition(":")[0].partition("[")[0].strip()
        self._named = bool(subgroup)
        self.by_name_only: bool = point.group in _BY_NAME
        self.once: bool = point.group in (ONCE, _BRIDGES_ONCE)
        self.bridge: bool = point.group in (_BRIDGES, _BRIDGES_ONCE)
        self.package: str = subgroup or self.module.rpartition(".")[0] or self.module
        self.stands_in: bool = self._named and self.module.startswith(_STAND_INS)

    def load(self) -> Any:
        """Import the object. Runs foreign code."""
        return self._point.load()

    def is_due(self) -> bool:
        """Tell whether what it waits for has been imported to its end.

        Several distributions may have a part in a namespace package: such a part is imported when
        the module itself is.
        """
        if not _is_whole(self.package):
            return False
        if self._named or self.module == self.package or not _is_namespace(self.package):
            return True
        return _is_whole(self.module)

    def stands_for(self, found: object) -> bool:
        """Tell whether an object is what it refers to. Imports nothing."""
        first, *others = self._point.attr.split(".")
        try:
            names = object.__getattribute__(sys.modules[self.module], "__dict__")
            here = names[first]
            for each in others:
                here = getattr(here, each)
        except Exception:  # it has not been imported, or has no such attribute
            return False
        return here is found

    @property
    def is_of_its_package(self) -> bool:
        """Tell whether it lies in the package that it waits for: its maintainers' own."""
        return _top(self.module) == _top(self.package)

    @property
    def distribution(self) -> str:
        """The distribution that announces it; empty where it has no metadata."""
        return self._of_distribution("name")

    @property
    def version(self) -> str:
        """That distribution's version; empty where it has no metadata."""
        return self._of_distribution("version")

    def __str__(self) -> str:
        return f"{self.value!r} of distribution {self.distribution or 'unknown'!r}"

    def _of_distribution(self, attribute: str) -> str:
        try:
            return str(getattr(self._point.dist, attribute, None) or "")
        except Exception:  # malformed metadata
            return ""


def announcements(group: str, *, fresh: bool = False) -> list[Announcement]:
    """Return what distributions on ``sys.path`` announce, in the order of that path.

    Args:
        group: a group of entry points; with that of samplers, its subgroups, those built in and
            those that need no worker.
        fresh: read the installed metadata now; else it is read once for each ``sys.path``.
    """
    global _found  # noqa: PLW0603
    path = tuple(sys.path)
    found = None if fresh else _found
    if found is None or found[0] != path:
        # A list first: gevent, when it patches, may hold a tuple that a generator is filling.
        _found = found = (path, (*_entry_points(),))
    return [
        Announcement(point, point.group[len(group) + 1 :] if point.group not in _BY_NAME else "")
        for point in found[1]
        if point.group == group or (group == SAMPLERS and _is_of_samplers(point.group))
    ]


def _is_of_samplers(group: str) -> bool:
    return group in _BY_NAME or group.startswith(f"{SAMPLERS}.")


_found: tuple[tuple[str, ...], tuple[EntryPoint, ...]] | None = None
"""What was read last: ``sys.path`` then, and the entry points of our groups."""


def announced(group: str, *, fresh: bool = False) -> dict[str, Announcement]:
    """Return what is announced by name; of two with one name, the one that stands."""
    standing, _ = without_clashes(announcements(group, fresh=fresh))
    return {each.name: each for each in reversed(standing)}


def misnamed(entry_point: str, sampler: str) -> str:
    """Say that an entry point has another name than its sampler (R-08); nothing if it has not."""
    if ":" in entry_point or entry_point == sampler:  # a reference names an object, no sampler
        return ""
    wrong = f"its entry point is called {entry_point!r} but the sampler {sampler!r}"
    return f"{wrong}: they must agree"


def without_clashes(
    found: Iterable[Announcement],
) -> tuple[list[Announcement], list[tuple[Announcement, Announcement]]]:
    """Keep the first announcement of each name, and all others of the same object.

    One object may be announced by several distributions that hold the same package, and may wait
    for several packages, one in each subgroup. What stands in for a package that has a sampler of
    its own, by whatever name, is left out.

    Returns:
        What stands; and each other object, with what stands in its place.
    """
    first: dict[str, Announcement] = {}
    standing: list[Announcement] = []
    left_out: dict[tuple[str, str], tuple[Announcement, Announcement]] = {}
    found = (*found,)
    own = {_top(each.module): each for each in reversed(found) if each.is_of_its_package}
    for each in found:
        if each.stands_in and (other := own.get(_top(each.package))):
            left_out[each.name, each.value] = each, other
            continue
        owner = first.setdefault(each.name, each)
        if owner.value == each.value:
            standing.append(each)
        else:
            left_out[each.name, each.value] = each, owner
    return standing, list(left_out.values())


def _top(name: str) -> str:
    return name.partition(".")[0]


def _entry_points() -> Iterator[EntryPoint]:
    for each in distributions():
        try:
            yield from _entry_points_of(each)
        except Exception:  # only this distribution is left out  # noqa: S112
            continue


def _entry_points_of(found: Distribution) -> Iterable[EntryPoint]:
    text = found.read_text("entry_points.txt")
    if not text or f"[{_FAMILY}" not in text or _is_shadowed(found, text):
        return ()
    return [point for point in found.entry_points if point.group.startswith(_FAMILY)]


def _is_shadowed(found: Distribution, text: str) -> bool:
    """Tell whether another version of the distribution comes earlier on ``sys.path``."""
    try:
        return distribution(found.name).read_text("entry_points.txt") != text
    except Exception:  # malformed metadata has no name
        return False


def _is_whole(name: str) -> bool:
    """Tell whether a module has been imported to its end. Runs no code of the module."""
    module = sys.modules.get(name)
    if module is None:  # or None stands there, which forbids the import
        return False
    if type(module) is getattr(sys.modules.get("importlib.util"), "_LazyModule", None):
        return False  # an access to an attribute would import it
    return not getattr(_spec(module), "_initializing", False)


def _is_namespace(name: str) -> bool:
    spec = _spec(sys.modules.get(name))
    return (
        getattr(spec, "origin", "") is None
        and getattr(spec, "submodule_search_locations", None) is not None
    )


def _spec(module: object) -> object:
    """Return a module's spec; None for an object without one that has taken a module's place."""
    try:
        return object.__getattribute__(module, "__spec__")
    except Exception:
        return None
