"""``sampler explain``: what a key, an adapter, a sampler, a metric or a reason is."""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from sampler._contract.declaration import Declaration, short
from sampler._contract.names import RESERVED
from sampler._registry.announcements import SAMPLERS
from sampler._runtime.printable import did_you_mean
from sampler.agent.config.plugins import UnusablePlugin, installed_plugins
from sampler.agent.delivery.rules import REMEDIES, RULES
from sampler.agent.self_metrics import METRICS
from sampler.cli.config.sample import toml
from sampler.cli.exits import OK, USAGE
from sampler.cli.glossary import BRIDGED, OUTCOMES, STATUSES, VARIABLES
from sampler.cli.job import JOB
from sampler.cli.job import METRICS as JOB_METRICS
from sampler.cli.keys import ANY, sections
from sampler.cli.layout import wrapped
from sampler.cli.reasons import REASONS, UNSUPPORTED
from sampler.exceptions import Fault, InvalidSampler
from sampler.web import _metrics as web

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampler._contract.declaration import Description
    from sampler.agent.config.options import Option
    from sampler.agent.config.plugins import Plugin
    from sampler.cli.keys import Section

_CLAUSE = re.compile(r"[SRCM]-\d+", re.IGNORECASE)
_INSTALLED = Path(__file__).parents[1] / "pep-9999.rst"
_DRAFT = _INSTALLED if _INSTALLED.exists() else Path(__file__).parents[2] / "pep/pep-9999.rst"
_TABLE, _ADAPTERS = "adapters.", "adapters"
_INDENT = 4
_DIGITS = 4
"""More than an exit status has."""

_OWN = {
    RESERVED: ("what each consumer counts of itself, published like any other", METRICS),
    JOB: ("what 'sampler job' tells of the last run", JOB_METRICS),
    web.NAME: ("what the middleware of sampler.web counts", web.METRICS),
}
"""Samplers that no entry point announces."""


def explain(word: str) -> int:
    """Print what ``word`` is; return the exit status.

    Args:
        word: a table; a key, with its table or without; an adapter or a sampler; a metric's full
            name; a reason of a drop, a refusal or a failure; a word for what a backend may not
            carry; an outcome of entries; a variable of the environment; an exit status; a clause
            of the PEP such as ``C-11``; or a rule for adapters such as ``A-05``.
    """
    if _CLAUSE.fullmatch(word):
        return _clause(word.upper())
    if (rule := word.upper()) in RULES:
        print(wrapped(f"rule {rule}, for adapters: {RULES[rule]}", _INDENT))
        print(wrapped(f"  do: {REMEDIES[rule]}", _INDENT))
        return OK
    tables = sections()
    found = [
        *_keys(word, tables),
        *_tables(word, tables),
        *_samplers_and_metrics(word),
        *_reasons(word),
        *_unsupported(word, tables),
        *_glossary(word),
    ]
    if found:
        texts = ("\n".join(wrapped(line, _INDENT) for line in lines) for lines in found)
        print("\n\n".join(texts))
        return OK
    suggestion = did_you_mean(word, sorted(_explainable(word, tables)))
    hint = suggestion or ": 'sampler explain -h' shows what can be explained"
    print(f"sampler explain: nothing is called {word!r}{hint}", file=sys.stderr)
    return USAGE


def _clause(clause: str) -> int:
    if not _DRAFT.exists():
        print("sampler explain: the draft of the PEP is not installed here", file=sys.stderr)
        return USAGE
    text = _DRAFT.read_text("utf-8")
    block = r"(?:.+(?:\n|$))+"
    more = rf"(?:(?<=:\n)\n{block})?"  # the list or the table that it announces
    found = re.search(rf"^.*\*\*{clause}\*\*{block}{more}", text, re.MULTILINE)
    if found is None:
        print(f"sampler explain: the draft has no clause {clause}", file=sys.stderr)
        return USAGE
    print(textwrap.dedent(found[0]).strip())
    return OK


def _keys(word: str, tables: list[Section]) -> Iterator[list[str]]:
    table, _, key = word.rpartition(".")
    types = {section.table for section in tables if section.adapter}
    own = table.startswith(_TABLE) and table not in types  # its name is the operator's choice
    wanted = {table, f"{_TABLE}{table}"}  # graphite.port, too
    if table in tables[0].keys:  # a key that is a table: labels.env
        wanted, key = {""}, table
    for section in tables:
        shared = section.table == ANY and table.startswith(_TABLE)
        named = own and section.adapter
        if not table or shared or named or section.table in wanted:
            if key in section.keys:
                yield _key(section.path(key), section.keys[key])
            elif key in (section.undeclared or ()):
                yield [f"{section.path(key)}: its adapter does not describe it"]


def _key(path: str, option: Option) -> list[str]:
    unset = option.default is None or option.secret
    default = "not set" if unset else toml(option)
    lines = [f"{path}: {option.expected}, default: {default}", f"  {option.meaning}"]
    if option.choices:
        lines.append(f"  one of {', '.join(map(str, option.choices))}")
    if option.range:
        lines.append(f"  {option.range}")
    if option.secret:
        lines.append("  secret: never shown; file:/path stands for the first line of that file")
    if option.private:
        lines.append("  private: only its owner may be able to read that file")
    return lines


def _tables(word: str, tables: list[Section]) -> Iterator[list[str]]:
    if word == _ADAPTERS:
        yield [
            "[adapters.NAME]: where the numbers go, one table for each destination",
            *(
                f"  {each.adapter}: {each.unusable or each.summary}"
                for each in tables
                if each.adapter
            ),
        ]
    for section in tables:
        if word and word in (section.table, section.adapter):
            name = f"adapter {section.adapter}" if section.adapter else f"[{section.table}]"
            keys = ", ".join((*section.keys, *(section.undeclared or ())))
            yield [
                f"{name}: {section.unusable or section.summary or 'no description'}",
                *([f"  keys: {keys}"] if keys else []),
                *(
                    f"  does not carry {feature}: {text}"
                    for feature, text in section.unsupported.items()
                ),
            ]


def _samplers_and_metrics(word: str) -> Iterator[list[str]]:
    for name, plugin in _owners(word):
        try:
            declared = _declared(name, plugin)
        except (UnusablePlugin, InvalidSampler) as trouble:
            why = (
                trouble.reason
                if isinstance(trouble, UnusablePlugin)
                else "; ".join(trouble.faults)
            )
            yield [f"sampler {name}: {why}"]
            continue
        if word == name:
            yield [
                f"sampler {name}, {_origin(name, plugin)}",
                *(f"  {name}.{metric}" for metric in declared),
            ]
        elif (metric := word.removeprefix(f"{name}.")) in declared:
            yield _metric(word, declared[metric])


def _owners(word: str) -> Iterator[tuple[str, Plugin | None]]:
    """Yield the samplers that a word may belong to: only their code is imported."""
    for name, plugin in {**dict.fromkeys(_OWN), **installed_plugins(SAMPLERS)}.items():
        if word == name or word.startswith(f"{name}."):
            yield name, plugin


def _declared(name: str, plugin: Plugin | None) -> dict[str, Description]:
    """Return the metrics that a sampler declares.

    Args:
        name: the sampler's.
        plugin: the installed sampler; None: one that registers itself.

    Raises:
        UnusablePlugin: it cannot be imported.
        InvalidSampler: it is not a sampler.
    """
    loaded = plugin.load() if plugin else {"name": name, "sample": tuple, "metrics": _OWN[name][1]}
    try:
        return Declaration(loaded, reserved=name == RESERVED).metrics
    except InvalidSampler:
        raise
    except Exception as error:  # a mapping with methods of its own
        raise InvalidSampler({}, [Fault("S-01", f"cannot be read: {short(error)}")]) from None


def _origin(name: str, plugin: Plugin | None) -> str:
    if plugin is None:
        return _OWN[name][0]
    return f"of {plugin.distribution} {plugin.version}: {plugin.reference}"


def _metric(full: str, described: Description) -> list[str]:
    lines = [f"metric {full}: {described.kind}"]
    lines += [f"  {described.help}"] if described.help else []
    properties = {
        "unit": described.unit,
        "labels": ", ".join(described.labels),
        "scope": described.scope,
        "merge": described.merge,
    }
    return [*lines, *(f"  {key}: {value}" for key, value in properties.items() if value)]


def _reasons(word: str) -> Iterator[list[str]]:
    if word in REASONS:
        metric, text = REASONS[word]
        yield [f"reason {word}, of {metric}: {text}"]


def _unsupported(word: str, tables: list[Section]) -> Iterator[list[str]]:
    if word in UNSUPPORTED:
        yield [
            f"{word}, that a backend may not carry: {UNSUPPORTED[word]}",
            *(
                f"  {each.adapter}: {each.unsupported[word]}"
                for each in tables
                if word in each.unsupported
            ),
        ]


def _glossary(word: str) -> Iterator[list[str]]:
    if word in OUTCOMES:
        yield [f"outcome {word}: {OUTCOMES[word]}"]
    for metric, text in BRIDGED.items():
        if word == metric or word.endswith(f".{metric}"):
            yield [f"metric {word}: {text}"]
    if (name := word.removeprefix("$")) in VARIABLES:
        yield [f"${name}, of the environment: {VARIABLES[name]}"]
    if word.isdecimal() and len(word) < _DIGITS and int(word) in STATUSES:
        yield [f"exit status {int(word)}: {STATUSES[int(word)]}"]


def _explainable(word: str, tables: list[Section]) -> set[str]:
    """Return what could have been meant by a word that nothing is called."""
    keys = {key for section in tables for key in section.keys}
    paths = {section.path(key) for section in tables for key in section.keys}
    names = {section.adapter or section.table for section in tables} - {""}
    metrics = set()
    for name, plugin in _owners(word):
        try:
            metrics |= {f"{name}.{metric}" for metric in _declared(name, plugin)}
        except (UnusablePlugin, InvalidSampler):
            continue
    return {
        *keys,
        *paths,
        *names,
        *metrics,
        *REASONS,
        *UNSUPPORTED,
        *BRIDGED,
        *OUTCOMES,
        *VARIABLES,
        *(path.removeprefix(_TABLE) for path in paths),
        *installed_plugins(SAMPLERS),
        _ADAPTERS,
    }
