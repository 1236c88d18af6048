"""What the results say: the tables of ``docs/scaling.md``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "scaling.md"
RESULTS = DOCS / "scaling" / "results.json"
BEGIN, END = "<!-- made by tests.scaling: {} -->\n", "<!-- end of {} -->\n"
KEPT = 0.98
"""Of the scrapes that are due: where a store keeps up."""


def tables(results: dict[str, Any]) -> dict[str, str]:
    """Return the tables of the page, in Markdown, by their names."""
    return {
        "host": "".join(_host(results)),
        "pushes": "".join(_pushes(results)),
        "scrapes": "".join(_scrapes(results)),
    }


def write() -> None:
    """Put the tables into the page."""
    text = PAGE.read_text()
    for name, table in tables(json.loads(RESULTS.read_text())).items():
        begin, end = BEGIN.format(name), END.format(name)
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}{table}{end}{rest.partition(end)[2]}"
    PAGE.write_text(text)


def kept(found: dict[str, Any]) -> bool:
    """Tell whether a store kept up with an interval."""
    return bool(found["scrapes a second"] >= KEPT * found["wanted a second"])


def _host(results: dict[str, Any]) -> Iterator[str]:
    found, hosts = results["host"], results["hosts"]
    yield f"\n{results['machine']}.\n\n| one host | | times {hosts:,} |\n|---|---:|---:|\n"
    share = found["% of a core"]
    yield f"| CPU of its relay | {share:.2f} % of a core | {share * hosts / 100:,.0f} cores |\n"
    yield f"| memory of its relay | {found['MB']:.0f} MB | |\n"
    for what, name in (("a push to Graphite", "bytes of a push"), ("a page", "bytes of a page")):
        size = found[name]
        every = f"{size * hosts / 1e6:,.0f} MB every interval"
        yield f"| {what} | {size:,} bytes | {every} |\n"


def _pushes(results: dict[str, Any]) -> Iterator[str]:
    head = ("at their moments", "all at once")
    both = [results["pushes"][how] for how in ("apart", "together")]
    wanted = results["hosts"] * both[0]["lines"]
    yield f"\n| {results['hosts']:,} pushes | {' | '.join(head)} |\n|---|---:|---:|\n"
    rows = {
        "begun in each tenth of the interval": [_spread(each["parts"]) for each in both],
        "seconds until the last had been taken": [f"{each['seconds']:.1f}" for each in both],
        "late by: median; 99th percentile": [
            f"{each['late p50']:.3f} s; {each['late p99']:.2f} s" for each in both
        ],
        "connections that failed, and would be tried again": [
            f"{each['failed']:,}" for each in both
        ],
        "CPU of carbon-c-relay, seconds": [f"{each['cpu']:.1f}" for each in both],
        f"of {wanted:,} lines behind the ring": [f"{each['arrived']:,}" for each in both],
    }
    for title, cells in rows.items():
        yield f"| {title} | {' | '.join(cells)} |\n"


def _scrapes(results: dict[str, Any]) -> Iterator[str]:
    yield (
        "\n| every | scrapes a second, of those due | samples a second | CPU of Prometheus | "
        "memory | series | targets up | 99th percentile of a scrape | in each tenth | |\n"
        "|---|---:|---:|---:|---:|---:|---:|---:|---|---|\n"
    )
    for interval, found in results["scrapes"].items():
        if "parts" not in found:
            wanted = f"- of {found['wanted a second']:,.0f}"
            yield f"| {interval} s | {wanted} | | | | | | | | does not answer any more |\n"
            continue
        yield (
            f"| {interval} s "
            f"| {found['scrapes a second']:,.0f} of {found['wanted a second']:,.0f} "
            f"| {found['samples a second']:,.0f} | {found['cores']:.2f} cores "
            f"| {found['MB']:,.0f} MB | {found['series']:,.0f} | {found['up']:,.0f} "
            f"| {found['scrape p99'] * 1e3:,.0f} ms | {_spread(found['parts'])} "
            f"| {'kept up' if kept(found) else 'does not keep up'} |\n"
        )


def _spread(parts: list[int]) -> str:
    return " ".join(f"{100 * part / (sum(parts) or 1):.0f}" for part in parts) + " %"
