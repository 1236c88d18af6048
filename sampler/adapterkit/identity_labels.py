"""Labels that name who measures, for backends where they stand among a series' own.

An operator writes them as templates: ``{ job = "{service}", instance = "{host}:{instance}" }``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sampler.adapterkit.dotted_paths import filled_in, placeholder_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["beside_own", "filled_in_labels", "labels_fault"]

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def labels_fault(labels: Mapping[str, str]) -> str | None:
    """Say what is wrong with a table of labels and templates, or return None."""
    for label, template in labels.items():
        if not _LABEL.fullmatch(label) or label.startswith("__"):
            return f"{label!r} cannot be a label"
        if fault := placeholder_fault(template):
            return f"{label}: {fault}"
    return None


def filled_in_labels(templates: Mapping[str, str], identity: Mapping[str, str]) -> dict[str, str]:
    """Return labels of their templates, without those whose template is empty.

    Args:
        templates: those for which :func:`labels_fault` returns None.
        identity: ``Snapshot.identity``; what is not known becomes ``unknown``.
    """
    return {label: filled_in(text, identity) for label, text in templates.items() if text}


def beside_own(
    common: Mapping[str, str],
    own: Mapping[str, str],
    written: Callable[[str], str] = str,
) -> dict[str, str]:
    """Return the labels of a series: those that all have, and its own.

    An own label with the name of a common one and another value gets a trailing ``_``, which no
    label name of a sampler ends in.

    Args:
        common: labels of all series, as the backend has them.
        own: the series' labels.
        written: how the backend writes a label's name. Two names that become one are an error of
            the caller's to find: the result has fewer labels then.
    """
    labels = dict(common)
    for name, value in own.items():
        label = written(name)
        labels[f"{label}_" if common.get(label, value) != value else label] = value
    return labels
