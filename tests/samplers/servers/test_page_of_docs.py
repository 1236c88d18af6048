"""The tables of docs/servers-samplers.md and docs/contrib.md are what the samplers declare."""

from __future__ import annotations

import importlib
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from sampler._registry.announcements import SAMPLERS, announced

DOCS = Path(__file__).parents[3] / "docs"
PAGES = "".join((DOCS / page).read_text("utf-8") for page in ("servers-samplers.md", "contrib.md"))
_ROW = re.compile(r"\| `([a-z0-9_.]+)(?:\{(.*?)\})?` \| (?:`(.*?)`)? \| (\w*) \| (.*?) \|(.*)\|")
ROWS = {
    row[1]: (row[2] or "", row[3] or "", row[4] or "process", row[5])
    for row in map(_ROW.fullmatch, PAGES.splitlines())
    if row is not None
}
HERE = {
    name: each
    for name, each in announced(SAMPLERS).items()
    if each.value.startswith(("sampler.samplers.servers.", "sampler.contrib."))
    or name in {"listener", "memory"}
}


@pytest.mark.parametrize("name", sorted(HERE))
def test_each_metric_has_its_row(name: str) -> None:
    """With its labels, unit, scope and help; and no row is of none."""
    announcement = HERE[name]
    package = announcement.package.partition(".")[0]
    if announcement.stands_in and not find_spec(package):
        pytest.skip(f"{package} is not installed")
    module = importlib.import_module(announcement.module)
    declared: Any = module.SAMPLER
    if not isinstance(declared, dict):  # a group, which has registered itself for all tests
        declared.unregister()
        declared = declared.registration.sampler
    described = {
        f"{name}.{metric}": (
            ", ".join(each.get("labels", ())),
            each.get("unit", ""),
            each.get("scope", "process"),
            each["help"],
        )
        for metric, each in declared["metrics"].items()
    }
    others = [each for each in HERE if each.startswith(f"{name}.")]
    rows = {
        metric: row
        for metric, row in ROWS.items()
        if metric.startswith(f"{name}.")
        and not any(metric.startswith(f"{each}.") for each in others)
    }
    assert rows == described
