"""Keys about series: ``[labels]``, and ``keep``, ``drop`` and ``rename`` of ``[samplers]``."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from sampler._contract.names import GRAMMAR, MAX_LABEL_VALUE, MAX_NAME, OVERFLOW, RESERVED, is_name
from sampler._runtime.placeholders import placeholder_fault
from sampler.agent.config.limits import name_fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

EVERYTHING = "*"
_REST = f".{EVERYTHING}"
"""How a name ends that stands for all that begin so."""
MAX_COMMON_LABELS = 16
"""Labels that an operator can give every series: a series of 64 labels gets these, too."""
_GLOB = re.compile(r"[*?\[]")
_PATTERN = re.compile(r"[a-z0-9_.*?\[\]!-]+")


def is_pattern(text: str) -> bool:
    """Tell whether a text stands for several names."""
    return _GLOB.search(text) is not None


def selects(wanted: Iterable[str], name: str) -> bool:
    """Tell whether a name is among names and patterns of names."""
    return any(fnmatchcase(name, each) for each in wanted)


def labels_fault(labels: Mapping[str, str]) -> str | None:
    """Say what is wrong with labels for all series, or return None."""
    if len(labels) > MAX_COMMON_LABELS:
        return f"has more than {MAX_COMMON_LABELS} labels"
    for label, template in labels.items():
        if not is_name(label) or len(label) > MAX_NAME:
            return f"{label!r} is no label name: names are {GRAMMAR}"
        if label == OVERFLOW:
            return f"{label!r} marks what is beyond a limit: choose another name"
        if fault := _template_fault(template):
            return f"{label}: {fault}"
    return None


def patterns_fault(patterns: Iterable[str]) -> str | None:
    """Say what is wrong with patterns of full names, or return None."""
    for pattern in patterns:
        if not pattern:
            return "'' is no name: write a full name, such as 'shop.orders', or a pattern"
        if not _PATTERN.fullmatch(pattern):
            return f"{pattern!r} matches no name: names are {GRAMMAR}; * stands for anything"
        if pattern.partition(".")[0] == RESERVED:
            return f"{pattern!r}: the agent's own metrics are chosen by self_metrics of an adapter"
    return None


def enable_fault(names: Iterable[str]) -> str | None:
    """Say what is wrong with names and patterns of samplers, or return None."""
    for name in names:
        if not name.strip():
            return f"{name!r} names no sampler"
        if is_pattern(name) and ":" not in name and not _PATTERN.fullmatch(name):
            return f"{name!r} matches no name: names are {GRAMMAR}; * stands for anything"
    return None


def rename_fault(names: Mapping[str, str]) -> str | None:
    """Say what is wrong with new names for metrics, or return None."""
    taken: dict[str, str] = {}
    for old, new in names.items():
        if old.endswith(_REST):
            if fault := _prefix_fault(old, new):
                return fault
            continue
        for name in (old, new):
            if is_pattern(name):
                return f"{name!r} is a pattern: write whole names, or 'shop.*' = 'sales.*'"
            if not is_name(name) or "." not in name:
                return f"{name!r} is no full name: write SAMPLER.METRIC, {GRAMMAR}"
            if len(name) > MAX_NAME:
                return f"{name[:MAX_NAME]!r}...: a full name has at most {MAX_NAME} characters"
            if name.partition(".")[0] == RESERVED:
                return f"{name!r}: the agent's own metrics keep their names"
        other = taken.setdefault(joined(new), old)
        if other != old:
            return f"{other!r} and {old!r} would both be called {new!r}"
    return None


def _prefix_fault(old: str, new: str) -> str | None:
    """Say what is wrong with another beginning for all names that begin so, or return None."""
    for name in (old, new):
        stem = name.removesuffix(_REST)
        if name == new == EVERYTHING:
            continue
        if not name.endswith(_REST) or not is_name(stem):
            return f"{name!r} is no beginning of names: write 'shop.*' = 'sales.*', or = '*'"
        if stem.partition(".")[0] == RESERVED:
            return f"{name!r}: the agent's own metrics keep their names"
    return None


def joined(name: str) -> str:
    """Return what backends without dots make of a name: there, ``a.b`` and ``a_b`` are one."""
    return name.replace(".", "_")


def _template_fault(template: str) -> str | None:
    if not template.strip():
        return "is empty: leave the label out"
    if fault := placeholder_fault(template):
        return fault
    if len(template) > MAX_LABEL_VALUE:
        return f"has more than {MAX_LABEL_VALUE:,} characters"
    return name_fault(template)
