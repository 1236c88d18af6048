"""A sampler mapping, read once: every fault is found, every default filled in."""

from __future__ import annotations

from sampler._contract.names import (
    GRAMMAR,
    KINDS,
    MAX_LABEL_VALUE,
    MAX_NAME,
    MERGES,
    OVERFLOW,
    RESERVED,
    SCOPES,
    is_name,
    is_reserved,
    plain_str,
)
from sampler._runtime.abandoned import is_foreign
from sampler.exceptions import Fault, InvalidSampler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

API = 1
KEYS = ("api", "factory", "labels", "loop", "metrics", "min_interval", "name", "sample", "start")
DESCRIPTION_KEYS = ("help", "kind", "labels", "merge", "scope", "unit")


class Description:
    """A metric's description with its defaults filled in."""

    __slots__ = ("help", "kind", "labels", "merge", "scope", "unit")

    def __init__(
        self,
        kind: str = "gauge",
        unit: str = "",
        help: str = "",  # noqa: A002 - the contract's word
        labels: tuple[str, ...] = (),
        scope: str = "process",
        merge: str | None = None,
    ) -> None:
        self.kind = kind
        self.unit = unit
        self.help = help
        self.labels = labels
        self.scope = scope
        self.merge = merge

    def same(self, other: Description) -> bool:
        """Tell whether both say the same."""
        return all(getattr(self, key) == getattr(other, key) for key in DESCRIPTION_KEYS)


UNDECLARED = Description()


class Declaration:
    """What a sampler mapping says.

    Attributes:
        name: the sampler's name.
        sample: the shared callable, or None.
        factory: the callable that makes an instance per consumer, or None.
        metrics: metric name to :class:`Description`.
        labels: constant labels, as text.
        start: epoch seconds, a callable returning them, or None.
        min_interval: seconds for which all consumers share one read of ``sample``, or None.
        loop: the callable that returns the event loop of an async sampler, or None.
    """

    __slots__ = (
        "factory",
        "labels",
        "loop",
        "metrics",
        "min_interval",
        "name",
        "sample",
        "start",
    )

    def __init__(self, sampler: Mapping[str, Any], *, reserved: bool = False) -> None:
        """Read ``sampler``.

        Args:
            sampler: the mapping.
            reserved: the reserved name ``sampler`` is allowed.

        Raises:
            InvalidSampler: with one sentence per fault.
        """
        if not _is_mapping(sampler):
            raise InvalidSampler(
                sampler,
                [Fault("S-01", f"expected a mapping, got {type(sampler).__name__}")],
            )
        faults: list[Fault] = []
        self.name: str = _read_name(sampler.get("name"), faults, reserved=reserved)
        self.sample: Callable[[], Any] | None = sampler.get("sample")
        self.factory: Callable[[Mapping[str, Any]], Any] | None = sampler.get("factory")
        self.start: float | Callable[[], float] | None = sampler.get("start")
        self.min_interval: float | None = seconds(sampler.get("min_interval"))
        self.loop: Callable[[], Any] | None = sampler.get("loop")
        self.labels: dict[str, str] = _read_constant_labels(sampler.get("labels"), faults)
        self.metrics: dict[str, Description] = _read_metrics(
            self.name, sampler.get("metrics"), faults
        )
        _check_calls(sampler, faults)
        if (api := sampler.get("api")) is not None and api != API:
            faults.append(Fault("S-02", f"'api' is {short(api)}; this consumer speaks {API}"))
        if faults:
            raise InvalidSampler(sampler, faults)


def _read_name(name: object, faults: list[Fault], *, reserved: bool) -> str:
    if name is None:
        faults.append(Fault("S-01", "'name' is missing: give the metric source a name"))
    elif not is_name(name):
        faults.append(Fault("S-03", f"'name' {short(name)} is not a name: {rule_for_names(name)}"))
    elif isinstance(name, str) and is_reserved(name) and not reserved:
        sentence = f"'name' {name!r} is reserved: {RESERVED!r} is for consumers' own metrics"
        faults.append(Fault("S-05", sentence))
    elif isinstance(name, str) and len(name) >= MAX_NAME:
        sentence = f"'name' has {len(name)} characters: a full name has at most {MAX_NAME}"
        faults.append(Fault("S-04", sentence))
    return plain_str(name) if isinstance(name, str) else ""


def _check_calls(sampler: Mapping[str, Any], faults: list[Fault]) -> None:
    calls = [key for key in ("sample", "factory") if sampler.get(key) is not None]
    if len(calls) != 1:
        both = "both of them are" if calls else "neither is"
        sentence = f"exactly one of 'sample' and 'factory' is required, {both} given"
        faults.append(Fault("S-01", sentence))
    faults += [
        Fault("S-01", f"{key!r} must be callable, got {short(sampler[key])}")
        for key in calls
        if not callable(sampler[key])
    ]
    start = sampler.get("start")
    if start is not None and not callable(start) and seconds(start) is None:
        sentence = f"'start' must be epoch seconds or a callable, got {short(start)}"
        faults.append(Fault("S-10", sentence))
    interval = sampler.get("min_interval")
    if interval is not None:
        if (seconds(interval) or 0.0) <= 0:
            sentence = f"'min_interval' must be seconds above 0, got {short(interval)}"
            faults.append(Fault("S-11", sentence))
        if "factory" in calls:
            sentence = "'min_interval' goes with 'sample' only: an instance owns its window"
            faults.append(Fault("S-11", sentence))
    loop = sampler.get("loop")
    if loop is not None and not callable(loop):
        sentence = f"'loop' must be a callable that returns the loop, got {short(loop)}"
        faults.append(Fault("S-12", sentence))


def _read_constant_labels(labels: Any, faults: list[Fault]) -> dict[str, str]:
    if labels is None:
        return {}
    if not _is_mapping(labels):
        faults.append(Fault("S-09", f"'labels' must be a mapping, got {short(labels)}"))
        return {}
    read: dict[str, str] = {}
    for key, value in labels.items():
        if not is_label_name(key):
            faults.append(Fault("S-03", f"label {not_a_label_name(key)}"))
        elif (text := label_text(value)) is None:
            sentence = f"{short(value)} is not text of up to {MAX_LABEL_VALUE} characters"
            faults.append(Fault("S-23", f"label {key!r}: {sentence}"))
        elif text:
            read[plain_str(key)] = text
    return read


class Bounded(dict[str, object]):
    """The mapping of a sampler that bounds its own samples, so that consumers do not cut them."""

    __slots__ = ()


def is_label_name(name: object) -> bool:
    """Tell whether a sampler's label may be called so (S-03)."""
    return isinstance(name, str) and is_name(name) and len(name) <= MAX_NAME and name != OVERFLOW


def not_a_label_name(name: object) -> str:
    """Return what a label may be called instead."""
    if name == OVERFLOW:
        return f"{OVERFLOW!r} is what consumers call a surplus by: choose another name"
    rule = f"at most {MAX_NAME} characters, {rule_for_names(name)}"
    return f"{short(name)} is not a label name: {rule}"


def rule_for_names(name: object) -> str:
    """Return the rule for names, and one like this that would do."""
    from sampler._contract.better_names import name_like

    like = name_like(name)
    return f"use {GRAMMAR}" + (f", such as {like!r}" if like else "")


def label_text(value: object) -> str | None:
    """Return a label value as text, or None if it is not a label value (PEP: Names)."""
    if isinstance(value, int):
        number = int.__int__(value)
        return str(number) if -(2**63) <= number < 2**63 else None
    if not isinstance(value, str):
        return None
    text = plain_str(value)
    return text if len(text) <= MAX_LABEL_VALUE and _is_text(text) else None


def _is_text(text: str) -> bool:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:  # a lone surrogate
            return False
    return True


def _read_metrics(sampler: str, metrics: Any, faults: list[Fault]) -> dict[str, Description]:
    if metrics is None:
        return {}
    if not _is_mapping(metrics):
        sentence = f"'metrics' must map names to descriptions, got {short(metrics)}"
        faults.append(Fault("S-26", sentence))
        return {}
    read: dict[str, Description] = {}
    for metric, description in metrics.items():
        if not is_name(metric):
            faults.append(
                Fault("S-03", f"metric {short(metric)} is not a name: {rule_for_names(metric)}")
            )
        elif len(sampler) + 1 + len(metric) > MAX_NAME:
            sentence = f"a full name has at most {MAX_NAME} characters"
            faults.append(Fault("S-04", f"metric {short(metric)}: {sentence}"))
        elif not _is_mapping(description):
            sentence = f"expected a mapping, got {short(description)}"
            faults.append(Fault("S-26", f"metric {metric!r}: {sentence}"))
        else:
            read[plain_str(metric)] = _read_description(metric, description, faults)
    return read


def read_description(metric: str, description: Any) -> tuple[Description, list[Fault]]:
    """Read what a sample says of its metric, its fourth item; return its faults, too (S-08)."""
    if not _is_mapping(description):
        what = f"expected a description, got {short(description)}"
        return UNDECLARED, [Fault("S-14", f"metric {metric!r}: {what}")]
    faults: list[Fault] = []
    return _read_description(metric, description, faults), faults


def _read_description(
    metric: str, description: Mapping[str, Any], faults: list[Fault]
) -> Description:
    def fault(clause: str, sentence: str) -> None:
        faults.append(Fault(clause, f"metric {metric!r}: {sentence}"))

    def text(key: str) -> str:
        value = _given(description, key, "")
        if isinstance(value, str) and _is_text(plain_str(value)):
            return plain_str(value)
        fault("S-27", f"{key!r} must be text, got {short(value)}")
        return ""

    kind = _given(description, "kind", "gauge")
    if not isinstance(kind, str):
        fault("S-26", f"'kind' must be one of {', '.join(KINDS)}, got {short(kind)}")
    if kind not in KINDS:  # a later version's kind: a gauge to us
        kind = "gauge"
    labels = _read_label_names(_given(description, "labels", ()))
    if labels is None:
        fault(
            "S-30", f"'labels' must be a list of label names, got {short(description['labels'])}"
        )
        labels = ()
    scope = _given(description, "scope", "process")
    if not isinstance(scope, str) or scope not in SCOPES:
        fault("S-28", f"'scope' must be one of {', '.join(SCOPES)}, got {short(scope)}")
        scope = "process"
    merge = description.get("merge")
    if merge is not None and kind != "gauge":
        fault("S-29", f"'merge' is for gauges only: a {plain_str(kind)} always adds")
        merge = None
    elif merge is not None and (not isinstance(merge, str) or merge not in MERGES):
        fault("S-29", f"'merge' must be one of {', '.join(MERGES)}, got {short(merge)}")
        merge = None
    return Description(
        plain_str(kind),
        text("unit"),
        text("help"),
        labels,
        plain_str(scope),
        merge and plain_str(merge),
    )


def _given(description: Mapping[str, Any], key: str, otherwise: Any) -> Any:
    value = description.get(key)
    return otherwise if value is None else value


def _read_label_names(names: Any) -> tuple[str, ...] | None:
    if isinstance(names, str | bytes | type) or not hasattr(names, "__iter__"):
        return None
    read = tuple(names)
    return tuple(map(plain_str, read)) if all(map(is_label_name, read)) else None


def seconds(value: Any) -> float | None:
    """Return a number of seconds within ±2**63, or None if it is not one; a bool is not."""
    if isinstance(value, bool | str | bytes | complex) or not hasattr(value, "__float__"):
        return None
    try:
        number = float(value)
    except Exception:  # of a class of the author's own
        return None
    return number if abs(number) < 2**63 else None


def private_copy(sampler: Any) -> Any:
    """Copy a sampler's mapping with those in it (R-01); what is not a mapping stays as it is."""
    if not _is_mapping(sampler):
        return sampler
    copy = {key: _copied(value) for key, value in sampler.items() if value is not None}
    metrics: Any = copy.get("metrics")
    if _is_mapping(metrics):
        copy["metrics"] = {name: private_description(each) for name, each in metrics.items()}
    return copy


def private_description(description: Any) -> Any:
    """Copy a description, and the names of labels in it: from a list, a set or an iterator."""
    if not _is_mapping(description):
        return description
    copy = dict(description.items())
    names: Any = copy.get("labels")
    for kind in (list, set):
        if isinstance(names, kind):
            copy["labels"] = kind(names)
    if hasattr(names, "__next__"):
        copy["labels"] = tuple(names)
    return copy


def _copied(value: Any) -> Any:
    return dict(value.items()) if _is_mapping(value) else value


def _is_mapping(value: object) -> bool:
    return not isinstance(value, type) and hasattr(value, "get") and hasattr(value, "items")


def class_name(value: object) -> str:
    """Return the name of an object's class, without running code of the class."""
    name: str = type.__dict__["__name__"].__get__(type(value))
    return name


def short(value: object) -> str:
    """Return a foreign object's ``repr`` in at most 60 characters, even if that raises."""
    try:
        text = plain_str(repr(value))
    except BaseException as error:  # an author's own __repr__
        if not is_foreign(error):
            raise
        text = f"<{class_name(value)}>"
    return text if len(text) <= 60 else text[:57] + "..."
