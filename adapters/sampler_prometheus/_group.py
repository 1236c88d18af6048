"""Labels that name who measures, as templates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sampler.adapterkit.dotted_paths import placeholder_fault

if TYPE_CHECKING:
    from collections.abc import Mapping

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def labels_fault(labels: Mapping[str, str]) -> str | None:
    """Say what is wrong with a table of labels and templates, or return None."""
    for label, template in labels.items():
        if not _LABEL.fullmatch(label) or label.startswith("__"):
            return f"{label!r} cannot be a label"
        if fault := placeholder_fault(template):
            return f"{label}: {fault}"
    return None
