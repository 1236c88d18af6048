"""Writes the dashboards: ``uv run --group deploy python -m examples.deploy.grafana``."""

from __future__ import annotations

from pathlib import Path

from examples.deploy.grafana.build import PAGES, text_of
from examples.deploy.grafana.panels import GRAPHITE, PROMETHEUS

for store in (PROMETHEUS, GRAPHITE):
    folder = Path(__file__).with_name(store)
    folder.mkdir(exist_ok=True)
    for page in PAGES:
        (folder / f"{page.name}.json").write_text(text_of(page, store))
