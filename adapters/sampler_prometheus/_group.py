"""Labels that name who measures: templates with placeholders for the identity."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sampler.adapterkit.dotted_paths import PLACEHOLDERS

if TYPE_CHECKING:
    from collections.abc import Mapping

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def placeholder_fault(template: str) -> str | None:
    """Say what is wrong with a template, or return None."""
    unknown = [word for word in PLACEHOLDER.findall(template) if word not in PLACEHOLDERS]
    if unknown:
        known = ", ".join(f"{{{word}}}" for word in PLACEHOLDERS)
        return f"unknown placeholder {{{unknown[0]}}} (known: {known})"
    return None


def labels_fault(labels: Mapping[str, str]) -> str | None:
    """Say what is wrong with a table of labels and templates, or return None."""
    for label, template in labels.items():
        if not _LABEL.fullmatch(label) or label.startswith("__"):
            return f"{label!r} cannot be a label"
        if fault := placeholder_fault(template):
            return f"{label}: {fault}"
    return None


def filled(template: str, identity: Mapping[str, str]) -> str:
    """Fill a template in; a missing word becomes ``unknown``."""
    return PLACEHOLDER.sub(lambda match: identity.get(match[1]) or "unknown", template)
