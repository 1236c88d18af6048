"""Whether the entry points that announce a sampler are called as it is (R-08)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler._registry.announcements import SAMPLERS, announcements, misnamed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sampler.validate._breach import Report


def check_entry_points(given: object, sampler: Mapping[str, Any], report: Report) -> None:
    """Report each entry point that announces a sampler by another name. Imports nothing.

    Args:
        given: the object that is validated.
        sampler: its mapping.
        report: where breaches go.
    """
    try:
        name = sampler.get("name")
    except Exception:  # no mapping: that is reported
        return
    for each in announcements(SAMPLERS, fresh=True) if isinstance(name, str) else ():
        if (wrong := misnamed(each.name, str(name))) and each.stands_for(given):
            report.add("R-08", each.name, f"{wrong}; none other is registered", each.value)
