"""``sampler explain``: what a key, an adapter, a sampler, a metric or a reason is."""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sampler._discovery import GROUP as SAMPLERS
from sampler.agent.catalogue import Unusable, catalogue, did_you_mean
from sampler.cli.exits import OK, USAGE
from sampler.cli.keys import ANY, sections
from sampler.cli.losses import losses
from sampler.cli.sample import toml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampler.agent.options import Option
    from sampler.cli.keys import Section

_CLAUSE = re.compile(r"[SRC]-\d\d", re.IGNORECASE)
_DRAFT = Path(__file__).parents[2] / "pep" / "pep-9999.rst"
REASONS = {
    "collision": "two series have one name at the backend: the first keeps it",
    "encode": "the adapter failed, or did not account for every entry",
    "error": "the adapter raised what no adapter should",
    "oldest": "the outbox was full: the oldest made room",
    "rejected": "the endpoint refused it for good",
    "shutdown": "it was still waiting when its adapter, or the program, ended",
    "superseded": "a newer snapshot took its place: this backend has no use for an old one",
    "too_long": "its name, or its line, is longer than the backend takes",
    "unsupported": "the backend has no way to carry it",
}
"""Reasons of ``sampler.entries.dropped``."""


def explain(word: str) -> int:
    """Print what ``word`` is; return the exit status.

    Args:
        word: a key, with its table or without; an adapter's or a sampler's name; a full name of a
            metric; a reason of a drop; or a clause of the PEP such as ``C-07``.
    """
    if _CLAUSE.fullmatch(word):
        return _clause(word.upper())
    found = [*_keys(word), *_adapters(word), *_samplers(word), *_reasons(word)]
    for lines in found:
        print("\n".join(lines))
    if found:
        return OK
    hint = did_you_mean(word, sorted(_known()))
    print(f"sampler explain: nothing is called {word!r}{hint}", file=sys.stderr)
    return USAGE


def _clause(clause: str) -> int:
    if not _DRAFT.exists():
        print("sampler explain: the draft of the PEP is not written yet", file=sys.stderr)
        return USAGE
    text = _DRAFT.read_text("utf-8")
    found = re.search(rf"^.*\*\*{clause}\*\*.*(?:\n(?!\s*\n).*)*", text, re.MULTILINE)
    if found is None:
        print(f"sampler explain: the draft has no clause {clause}", file=sys.stderr)
        return USAGE
    print(textwrap.dedent(found[0]).strip())
    return OK


def _keys(word: str) -> Iterator[list[str]]:
    table, _, key = word.rpartition(".")
    for section in sections():
        shared = section.table == ANY and table.startswith("adapters.")
        if key in section.keys and (not table or shared or section.table == table):
            yield _key(section, key, section.keys[key])


def _key(section: Section, key: str, option: Option) -> list[str]:
    default = "not set" if option.default is None else toml(option)
    lines = [f"{section.path(key)}: {option.expected}, default: {default}"]
    lines += textwrap.wrap(option.help, 78, initial_indent="  ", subsequent_indent="  ")
    if option.choices:
        lines.append(f"  one of {', '.join(map(str, option.choices))}")
    if option.minimum is not None or option.maximum is not None:
        low = "" if option.minimum is None else f" from {option.minimum:g}"
        high = "" if option.maximum is None else f" to {option.maximum:g}"
        lines.append(f" {low}{high}")
    if option.secret:
        lines.append("  secret: never shown; file:/path stands for the first line of a file")
    return lines


def _adapters(word: str) -> Iterator[list[str]]:
    name = word.removeprefix("adapters.")
    for section in sections():
        if section.adapter != name:
            continue
        if section.unusable:
            yield [f"adapter {name}: {section.unusable}"]
            continue
        lines = [f"adapter {name}: {section.summary}"]
        lines.append(f"  keys: {', '.join(section.keys)}")
        for lost, sentence in losses(catalogue()[name].load()).items():
            text = f"does not carry {lost}: {sentence}"
            lines += textwrap.wrap(text, 78, initial_indent="  ", subsequent_indent="    ")
        yield lines


def _samplers(word: str) -> Iterator[list[str]]:
    for name, entry in catalogue(SAMPLERS).items():
        if word != name and not word.startswith(f"{name}."):
            continue
        try:
            mapping = entry.load()
        except Unusable as unusable:
            yield [f"sampler {name}: {unusable.reason}"]
            continue
        metrics: Any = mapping.get("metrics", {}) if hasattr(mapping, "get") else {}
        if word == name:
            origin = f"{entry.distribution} {entry.version}"
            yield [f"sampler {name}, of {origin}: {entry.reference}"] + [
                f"  {name}.{metric}" for metric in metrics
            ]
        elif (metric := word.removeprefix(f"{name}.")) in metrics:
            yield _metric(word, metrics[metric])


def _metric(full: str, described: Any) -> list[str]:
    lines = [f"metric {full}: {described.get('kind', 'gauge')}"]
    lines += [
        f"  {key}: {', '.join(value) if isinstance(value, list | tuple) else value}"
        for key in ("help", "unit", "labels", "scope", "merge")
        if (value := described.get(key))
    ]
    return lines


def _reasons(word: str) -> Iterator[list[str]]:
    if word in REASONS:
        yield [f"reason {word}, of sampler.entries.dropped: {REASONS[word]}"]


def _known() -> set[str]:
    keys = {key for section in sections() for key in section.keys}
    paths = {section.path(key) for section in sections() for key in section.keys}
    return {*keys, *paths, *REASONS, *catalogue(), *catalogue(SAMPLERS)}
