"""Where a series is stored: its path, or its path and tags.

By default a path is ``prefix.name.key-value...``; with tags, labels follow as ``;key=value``. A
template gives some metrics another path. It cannot merge two series: the second series that would
get a path is refused as ``collision``.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from string import Formatter
from typing import TYPE_CHECKING

from sampler.adapterkit.dotted_paths import (
    Alphabet,
    label_segments,
    segment,
    series_path,
    shape_fault,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIELD = re.compile(r"[a-z0-9_.]+")
_ABSENT = "none"

_TAG_VALUES = Alphabet("_.:-")
"""Graphite allows ``:`` in the value of a tag, where DogStatsD does not."""


class Layout:
    """Makes the paths for one destination.

    Args:
        tags: labels that the template does not use become tags instead of path segments.
        templates: metric name or pattern to template; the first that matches is used.
    """

    def __init__(self, *, tags: bool, templates: Mapping[str, str]) -> None:
        self._tags = tags
        self._templates = templates

    def path(self, name: str, given: Mapping[str, str], suffix: str = "") -> str:
        """Return a series' path, or that of the part of a histogram that ``suffix`` names."""
        labels = dict(given)
        template = self._template(name)
        if template is not None:
            plain = _filled(template, name, suffix, labels, tags=self._tags)
        elif self._tags:
            plain = ".".join(filter(None, (name, suffix)))
        else:
            plain = series_path(name, labels, suffix)
        if self._tags:
            plain += "".join(f";{_key(k)}={_TAG_VALUES.write(v)}" for k, v in labels.items())
        return plain

    def _template(self, name: str) -> str | None:
        for pattern, template in self._templates.items():
            if fnmatchcase(name, pattern):
                return template
        return None


def templates_fault(templates: Mapping[str, str]) -> str | None:
    """Say what is wrong with the first bad path template, or return None."""
    for pattern, template in templates.items():
        if fault := shape_fault(template, _field_fault):
            return f"{pattern!r}: {fault}"
    return None


def _key(name: str) -> str:
    return "name_" if name == "name" else name  # carbon stores the path itself as the tag "name"


def _filled(template: str, name: str, suffix: str, labels: dict[str, str], *, tags: bool) -> str:
    """Fill a template in; removes the labels that it uses from ``labels``."""
    given = dict(labels)
    fields = [field for _, field, _, _ in Formatter().parse(template) if field]
    own = {_label(field) for field in fields} - {""}
    for label in own:
        labels.pop(label, None)
    values = {"name": ".".join(filter(None, (name, suffix)))}
    values["labels"] = "" if tags else label_segments(labels)
    text = ""
    for literal, field, _, _ in Formatter().parse(template):
        text += literal
        if field in values:
            text += values[field]
        elif field:
            text += segment(given.get(_label(field), _ABSENT))
    if "name" not in fields and suffix:
        text += f".{suffix}"
    return ".".join(filter(None, text.split(".")))


def _label(field: str) -> str:
    """Return the label that a placeholder names; ``{name_}`` stands for the label ``name``."""
    if field in ("name", "labels"):
        return ""
    return field[:-1] if field in ("name_", "labels_") else field


def _field_fault(field: str) -> str | None:
    if _FIELD.fullmatch(field):
        return None
    return f"unknown placeholder {{{field}}}: use {{name}}, {{labels}} or the name of a label"
