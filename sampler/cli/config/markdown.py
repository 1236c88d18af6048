"""``sampler config markdown``: the page ``docs/configuration.md``."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from sampler.agent.config.plugins import UnusablePlugin, installed_plugins
from sampler.cli.config.sample import toml
from sampler.cli.keys import ANY, sections

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampler.agent.config.options import Option
    from sampler.cli.keys import Section

_HEAD = """\
# Configuration

<!-- Made by `sampler config markdown > docs/configuration.md`; a test compares. -->

`sampler.toml` says what `sampler run` and `sampler.agent.start()` do. `sampler config sample`
prints every key as a file to begin with, `sampler config schema` prints a JSON Schema for editors,
and `sampler explain KEY` describes one key. `sampler check` reports all problems at once.

An editor that knows TOML (taplo, Even Better TOML) checks the file as it is typed, once the output
of `sampler config schema` is saved beside it as `sampler.schema.json` and the file's first line is
`#:schema ./sampler.schema.json`.

* The file is the one given with `-c`, else `$SAMPLER_CONFIG`, else `./sampler.toml`.
* `${NAME}` in a text stands for an environment variable; `$${` stands for a plain `${`. A number
  or a boolean may be a variable, too.
* `file:/path` in a secret stands for the first line of that file. Secrets are never shown.
* The file, and each file that it names, must be a regular file of at most 1 MiB. A text has at
  most 16,384 characters, a list or table at most 1,000 entries; numbers have the ranges below.
* A file that holds a secret or a private key is refused when anyone but its owner can read it:
  `chmod 600 FILE`, or set `allow_readable_secrets = true` at the top.
* `SAMPLER_DISABLE=a,b` keeps the samplers `a` and `b` from being loaded, `*` all of them.
* SIGHUP, or `sampler.agent.reload()`, reads the file again: an adapter whose table has not changed
  keeps running.
"""
_TYPES = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "true, false",
    dict: "table of texts",
}
_ITEMS = {str: "texts", int: "integers", float: "numbers"}


def markdown() -> str:
    """Return the page, with the adapters of this distribution.

    Raises:
        UnusablePlugin: one of them cannot be imported, so that the page would be incomplete.
    """
    for section in sections():
        if section.ours and section.unusable:
            raise UnusablePlugin(installed_plugins()[section.adapter], section.unusable)
    pages = ("\n".join(_lines(section)) + "\n" for section in sections() if section.ours)
    return "\n".join((_HEAD, *pages))


def _lines(section: Section) -> Iterator[str]:
    if section.table == ANY:
        yield "## `[adapters.NAME]`: keys of every adapter"
    elif section.adapter or section.table:
        yield f"## `[{section.table}]`"
    else:
        yield "## At the top"
    yield ""
    yield section.summary
    yield ""
    yield "| key | what may stand there | default | meaning |"
    yield "|---|---|---|---|"
    for key, option in section.keys.items():
        default = "" if option.default is None or option.secret else f"`{toml(option)}`"
        cells = (f"`{key}`", _shape(option), default, _escaped(option.meaning))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    if section.unsupported:
        yield ""
        yield "What this backend does not carry, and what happens instead:"
        yield ""
        for word, sentence in section.unsupported.items():
            yield f"* {word}: {_escaped(sentence)}"


def _escaped(text: str) -> str:
    """Return plain text so that none of it is markup."""
    return re.sub(r"([\\`*<])", r"\\\1", text)


def _shape(option: Option) -> str:
    if option.choices:
        return ", ".join(f"`{choice}`" for choice in option.choices)
    words = _TYPES[option.kind] if option.kind in _TYPES else f"list of {_ITEMS[option.items]}"
    tables: dict[type, str] = {dict: "table of tables", object: "table"}
    words = tables.get(option.items, words)
    words += f", {option.range}" if option.range else ""
    words += "".join(f", `{json.dumps(value)}`" for value in option.also)
    return f"{words}, secret" if option.secret else words
