"""What a file that is not valid TOML seems to be, and what to do about it.

No value of the file is quoted: it may be a secret.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SAMPLE = "'sampler config sample' prints a file to begin with"
_MOST = 200
"""Lines that are looked at."""
_LONGEST = 300
"""Characters of a line that is looked at."""

_TABLE = re.compile(r"\[\[?[^\[\]]+\]\]?")
_COLON = re.compile(r"(?:- )?[\w.-]+:(?: .*)?")
_BARE = re.compile(r"([\w.-]+)\s*=\s*(?:[A-Za-z/~.*@:]|\d+\.\d+\.)[^\"'#\[\]{},]*")
_TRUTH = {"True": "true", "yes": "true", "on": "true", "False": "false", "no": "false"}
_TRUTH["off"] = "false"


def seems(text: str) -> str:
    """Return what a text that is no TOML seems to be, and the remedy; or ""."""
    lines = list(islice(_lines(text), _MOST))
    if lines and (lines[0].startswith("{") or (lines[0] == "[" and lines[1:2] != [])):
        return f"it looks like JSON: write it as TOML; {_SAMPLE}"
    tables = any(map(_TABLE.fullmatch, lines))
    equals = any("=" in line for line in lines)
    colons = [line for line in lines if _COLON.fullmatch(line)]
    if (colons or "---" in lines) and not equals and not tables:
        return f"it looks like YAML: write it as TOML, KEY = VALUE under [TABLE]; {_SAMPLE}"
    if (colons and tables) or any(line.startswith(";") for line in lines):
        return f"it looks like INI: in TOML # begins a comment, and KEY = VALUE; {_SAMPLE}"
    for bare in filter(None, map(_BARE.fullmatch, lines)):
        word = bare[0].partition("=")[2].strip()
        if word in _TRUTH:
            return f"write {bare[1]} = {_TRUTH[word]}"
        if word not in _TRUTH.values() and not word.startswith(("inf", "nan")):
            return f'a text needs quotes: write {bare[1]} = "..."'
    return ""


def _lines(text: str) -> Iterator[str]:
    """Yield the short lines of a text, stripped, without those of comments in any format."""
    inside = False
    for line in text.split("\n"):
        short = line[: _LONGEST + 1].strip()
        if inside or short.startswith("/*"):
            inside = "*/" not in line
        elif short and len(short) <= _LONGEST and not short.startswith(("#", "//")):
            yield short
