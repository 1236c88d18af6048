"""Makes pages of what the code has as data: metrics of built-in samplers, reasons, statuses."""

from __future__ import annotations

import tomllib
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clauses import ROOT, renew

from sampler import Instruments, registry
from sampler.agent.self_metrics import METRICS
from sampler.cli.glossary import BRIDGED, OUTCOMES, STATUSES, VARIABLES
from sampler.cli.job import METRICS as JOB_METRICS
from sampler.cli.reasons import DROPPED, FAILED, REFUSED
from sampler.relay.account import RELAY_METRICS, SERVER_METRICS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

GROUPS = ("sampler.built_in", "sampler.once", "sampler.samplers.")
"""Groups of entry points with our own samplers; the last is the beginning of many."""


def setup(app: Any) -> dict[str, Any]:
    """Make the pages before Sphinx looks for them."""
    app.connect("builder-inited", lambda app: renew(Path(app.srcdir) / "docs/made/words", pages()))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def pages() -> dict[str, str]:
    """Return the text of each page, by file."""
    return {"metrics.md": "\n".join(_metrics()), "words.md": "\n".join(_words())}


def samplers() -> dict[str, Mapping[str, Any]]:
    """Return our samplers by name, as the entry points of this repository announce them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    found = {}
    for group, points in project["entry-points"].items():
        if group.startswith(GROUPS):
            for name, reference in points.items():
                module, _, value = reference.partition(":")
                try:
                    said = getattr(import_module(module), value)
                except ImportError:  # it tells of a package that is not installed here
                    continue
                found[name] = _mapping(name) if isinstance(said, Instruments) else said
    return dict(sorted(found.items()))


def _mapping(name: str) -> Mapping[str, Any]:
    """Return the mapping of a group of instruments, which has registered itself."""
    return next(each.sampler for each in registry if each.sampler["name"] == name)


def _metrics() -> Iterator[str]:
    yield "# Metrics of the built-in samplers\n"
    yield "Made from their declarations. A full name is the sampler's, a dot, the metric's own; "
    yield "[naming](../../naming.md) says what each backend makes of it.\n"
    for name, mapping in samplers().items():
        if metrics := mapping.get("metrics"):
            yield f"## {name}\n"
            yield from _declared(metrics)
    yield "## sampler\n"
    yield "The account of the agent itself.\n"
    yield from _declared(METRICS)
    yield "## job\n"
    yield "What `sampler job` tells of the last run.\n"
    yield from _declared(JOB_METRICS)
    yield "## server\n"
    yield "What a relay says of the processes that report to it.\n"
    yield from _declared(SERVER_METRICS)
    yield "## sampler.relay\n"
    yield "A relay's account of itself.\n"
    yield from _declared(RELAY_METRICS)


def _declared(metrics: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    rows = []
    for name, said in metrics.items():
        labels = f"{{{', '.join(said['labels'])}}}" if said.get("labels") else ""
        rows.append(
            (
                f"`{name}{labels}`",
                said.get("kind", "gauge"),
                f"`{said['unit']}`" if said.get("unit") else "",
                said.get("scope", "process"),
                said.get("merge", ""),
                said.get("help", ""),
            )
        )
    yield from _table(("metric", "kind", "unit", "scope", "merge", "meaning"), rows)


def _words() -> Iterator[str]:
    yield "# Reasons, outcomes, variables, exit statuses\n"
    yield "Made from the words that `sampler explain WORD` explains.\n"
    for title, lead, words in (
        ("Outcomes of entries", "In `sampler.entries.*`, and in the ledger's line.", OUTCOMES),
        ("Why an entry is dropped", "`sampler.entries.dropped`, by `reason`.", DROPPED),
        ("Why a sample is refused", "`sampler.samples.refused`, by `reason`.", REFUSED),
        ("Why a pull fails", "`sampler.pulls.failed`, by `reason`.", FAILED),
        ("Variables of the environment", "Read where nothing else says otherwise.", VARIABLES),
        (
            "Metrics of bridges",
            "What bridges tell of themselves.",
            BRIDGED,
        ),
        ("Exit statuses", "Of the command `sampler`.", STATUSES),
    ):
        yield f"## {title}\n\n{lead}\n"
        yield from _table(("word", "meaning"), [(f"`{w}`", text) for w, text in words.items()])


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for row in (head, ("---",) * len(head), *rows):
        cells = [cell.replace("|", "\\|").replace("*", "\\*") for cell in row]
        yield f"| {' | '.join(cells)} |"
    yield ""
