"""The arguments with which instruments are made: each is checked where it is written."""

from __future__ import annotations

from sampler._contract.declaration import label_text, rule_for_names, short
from sampler._contract.names import MAX_BUCKETS, OVERFLOW, is_name
from sampler._registry.registry import state_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from sampler._instruments.counter import Counter
    from sampler._instruments.histogram import Histogram
    from sampler._instruments.roster import Roster
    from sampler.types import Exemplars

_INFINITE = float("inf")
MADE = "buckets, states or exemplars"
"""In what instruments differ beside their descriptions: the key of all of it."""
_MOST = "another max_children"


def kinds() -> Any:
    """Return the module of instruments with labels, which not every program has."""
    from sampler._instruments import labelled_kinds

    return labelled_kinds


def constant_labels(given: Mapping[str, object] | None) -> dict[str, object]:
    """Return constant labels as text; what is none stays, and registering refuses it."""
    pairs = (given or {}).items()
    return {f"{key}": label_text(value) or value for key, value in pairs if value != ""}


def exemplary_counter(hook: Exemplars) -> Callable[..., Counter]:
    """Return what makes counters that keep exemplars."""
    from functools import partial

    from sampler._instruments.exemplars import ExemplarCounter

    return partial(ExemplarCounter, hook)


def exemplary_histogram(hook: Any, bounds: tuple[float, ...] | None) -> Histogram:
    """Return a histogram that keeps exemplars."""
    from sampler._instruments.exemplars import ExemplarHistogram

    return ExemplarHistogram(hook, (), bounds)


def tell_better_name(roster: Roster, name: str) -> None:
    """Say which name would be better, if there is one."""
    from sampler._contract.better_names import hints

    metrics = state_of(roster.registration).declaration.metrics
    for sentence in hints(roster.name, {name: metrics[name]}):
        from sampler._runtime.log import log

        log.warning("instrument %s", sentence)


def differences(known: Mapping[str, object], new: Mapping[str, object]) -> str:
    """Return what one description says, where another one says something else."""
    keys = sorted(key for key in {**known, **new} if known.get(key) != new.get(key))
    if keys == [MADE]:
        return f"other {MADE}"
    return ", ".join(_told(key, known.get(key)) for key in keys if key != MADE) or _MOST


def _told(key: str, value: object) -> str:
    return f"{key} {short(value)}" if value else f"no {key}"


def label_names(labels: Iterable[str]) -> tuple[str, ...]:
    names = tuple(labels)
    if isinstance(labels, str):
        raise ValueError(f"labels must be a tuple of names, got {short(labels)}")  # noqa: TRY004
    for name in names:
        if not is_name(name):
            raise ValueError(f"label {short(name)} is not a name: {rule_for_names(name)}")
    if len(set(names)) < len(names):
        raise ValueError(f"labels must be distinct label names, got {short(labels)}")
    if OVERFLOW in names:
        raise ValueError(f"the label {OVERFLOW!r} is reserved for the surplus: rename yours")
    return names


def bucket_bounds(name: str, buckets: Iterable[float] | None) -> tuple[float, ...] | None:
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


def positive(max_children: int) -> int:
    if type(max_children) is not int or max_children < 1:
        raise ValueError(f"max_children must be an integer of at least 1, got {max_children!r}")
    return max_children
