"""Templates with placeholders for who measures, such as ``{service}``."""

from __future__ import annotations

import re

from sampler._runtime.printable import did_you_mean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

PLACEHOLDERS = ("service", "host", "instance", "pid", "role")
"""The placeholders of a template: keys of ``Snapshot.identity``."""
UNKNOWN = "unknown"
"""What stands for a word that the identity does not have."""
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def filled_in(template: str, identity: Mapping[str, str]) -> str:
    """Return a text with its placeholders filled in; what is not known becomes ``unknown``."""
    return _PLACEHOLDER.sub(lambda match: identity.get(match[1]) or UNKNOWN, template)


def placeholder_fault(template: str) -> str | None:
    """Say which placeholder of a template there is not, or return None."""
    return next(filter(None, map(word_fault, _PLACEHOLDER.findall(template))), None)


def word_fault(word: str) -> str | None:
    """Say what is wrong with the word within braces, or return None."""
    if word in PLACEHOLDERS:
        return None
    known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
    return f"unknown placeholder {{{word}}}{did_you_mean(word, PLACEHOLDERS)} (known: {known})"
