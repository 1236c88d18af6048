"""Whether two samplers are the same, and whether they can stand side by side (R-03, R-05)."""

from __future__ import annotations

from sampler._contract.declaration import DESCRIPTION_KEYS
from sampler._runtime.abandoned import is_foreign

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampler._contract.declaration import Declaration, Description

_FUNCTION = type(lambda: 0)
_METHODS = type((lambda self: self).__get__(0)), type("".strip)


def equal(
    read: dict[str, Any], said: Declaration, other: dict[str, Any], other_said: Declaration
) -> bool:
    """Tell whether two mappings say the same with all their keys. May run an author's ``__eq__``.

    Args:
        read: a private copy of the one mapping.
        said: what it said.
        other: a private copy of the other one.
        other_said: what that said.
    """
    if (said.name, said.labels) != (other_said.name, other_said.labels):
        return False
    try:
        return bool(_as_read(read, said) == _as_read(other, other_said))
    except BaseException as error:
        if not is_foreign(error):
            raise
        return False


def _as_read(read: dict[str, Any], said: Declaration) -> dict[str, Any]:
    """Return a mapping with the defaults of its descriptions filled in."""
    metrics = {}
    for name, given in (read.get("metrics") or {}).items():  # not those declared later
        known = {key: getattr(said.metrics[name], key) for key in DESCRIPTION_KEYS}
        metrics[name] = {**given, **known}
    return {**read, "api": 1, "labels": said.labels, "metrics": metrics}


def same_call(one: Declaration, other: Declaration) -> bool:
    """Tell whether two samplers call the same object, or the same method of one."""
    return _same(one.sample, other.sample) and _same(one.factory, other.factory)


def _same(one: object, other: object) -> bool:
    # Methods are made anew at each access, and compare by identity. Others run an author's code.
    return one is other or (type(one) in _METHODS and type(one) is type(other) and one == other)


def reloaded(old: Declaration, new: Declaration) -> bool:
    """Tell whether a module that was reloaded, or imported again, publishes its sampler again.

    Both call functions of one name in one file, on the level of the module, or methods of such
    classes: one owner. So is who types one again, whatever it is: in a cell of a notebook that is
    run again, or at a prompt.
    """
    if (old.name, old.labels) != (new.name, new.labels):
        return False
    pairs = (old.sample, new.sample), (old.factory, new.factory)
    return all(one is other is None or _made_again(one, other) for one, other in pairs)


def _made_again(one: Any, other: Any) -> bool:
    """Tell whether one place in the source has made both, each when it was read anew."""
    one, other = (each.__func__ if type(each) is _METHODS[0] else each for each in (one, other))
    if not type(one) is type(other) is _FUNCTION or one.__code__ is other.__code__:
        return False  # the same code makes several in one reading: methods of several objects
    place = _place(one)
    return place is not None and place == _place(other)


def _place(function: Any) -> tuple[str, str] | None:
    code = function.__code__
    if not is_file(code.co_filename):
        module = function.__globals__.get("__name__")
        return (module, code.co_qualname) if module == "__main__" else None
    if "<" in code.co_qualname:
        return None  # a lambda, or a function in another one: a file has several
    return code.co_filename, code.co_qualname


def is_file(name: str) -> bool:
    """Tell whether code is in a file; a cell of a notebook has another one each time, or none."""
    return not name.startswith("<") and "ipykernel_" not in name


def clash(old: Declaration, new: Declaration) -> str | None:
    """Return why a sampler cannot be published beside another one, or None."""
    if (old.name, old.labels) == (new.name, new.labels):
        labels = f" with labels {new.labels}" if new.labels else ""
        return (
            f"sampler {new.name!r}{labels} is registered already by another owner: "
            "choose another name, tell them apart by constant 'labels', or call "
            f"unregister({new.name!r}) of the registry first, if that one is yours"
        )
    taken = {_flat(old.name, metric): metric for metric in old.metrics}
    for metric, described in new.metrics.items():
        if (other := taken.get(_flat(new.name, metric))) is None:
            continue
        there, here = f"{old.name}.{other}", f"{new.name}.{metric}"
        if there != here:
            return (
                f"metric {here!r} equals {there!r} of sampler {old.name!r} "
                "once '.' reads as '_': rename one of them"
            )
        if differs := disagreement(here, old.metrics[other], described):
            return differs
    return None


def disagreement(name: str, old: Description, new: Description) -> str | None:
    """Return how two descriptions of one full name differ; a unit that is not given does not."""
    if old.kind == new.kind and (old.unit == new.unit or not (old.unit and new.unit)):
        return None
    return (
        f"metric {name!r} is registered as {old.kind} in {old.unit!r}, "
        f"here it is {new.kind} in {new.unit!r}: they must agree"
    )


def _flat(sampler: str, metric: str) -> str:
    return f"{sampler}_{metric}".replace(".", "_")
