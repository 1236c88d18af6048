"""The grammar of names: the one place that knows it.

A word is ``[a-z][a-z0-9]*(_[a-z0-9]+)*``; a name is words joined by dots. There is no regular
expression here: libraries import this module, and ``re`` would cost more than all the rest.
"""

from __future__ import annotations

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")
_ALNUM = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")

MAX_NAME = 150
"""Longest full name, in characters."""
MAX_LABEL_VALUE = 1024
"""Longest label value, in characters."""
MAX_LABELS = 64
"""Labels of a sample, at most."""
MAX_BUCKETS = 1_000
"""Buckets of a histogram, at most; an exponential one of an instrument has up to 562."""
GRAMMAR = "lower-case words of a-z, 0-9 and single '_', joined by '.'"

KINDS = ("counter", "gauge", "histogram")
SCOPES = ("interpreter", "process", "server", "host")
MERGES = ("sum", "max", "min")
RESERVED = "sampler"
"""The sampler name of a consumer's own metrics."""
OVERFLOW = "overflow"
"""The label that marks the series into which a metric's surplus is folded."""
SURPLUS = (OVERFLOW, "true")
"""All labels of that series, but for constant ones."""


def plain_str(text: str) -> str:
    """Return a ``str`` with the text of a subclass's object, without calling its methods."""
    return "".join((text,))  # noqa: FLY002 - f"" calls them, and on PyPy str.__str__ one of them


def is_name(text: object) -> bool:
    """Tell whether ``text`` is a sampler, metric or label name (PEP: Names)."""
    return isinstance(text, str) and all(
        word[:1] in _LETTERS and all(part and _ALNUM.issuperset(part) for part in word.split("_"))
        for word in plain_str(text).split(".")
    )


def is_reserved(name: str) -> bool:
    """Tell whether a sampler name is reserved for consumers' own metrics."""
    return name == RESERVED or name.startswith(RESERVED + ".")
