"""Who may read a secret: nobody else in its file, nobody at all in what is said.

Adapters are foreign code, and what they raise may quote what they were given. So every secret of a
configuration is remembered, and masked in whatever the agent says of an adapter.
"""

from __future__ import annotations

import logging
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from sampler._runtime.printable import error_text, one_line
from sampler.agent.config.interpolation import FILE, Given

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from sampler.agent.config.options import Option

MASK = "(secret)"
SHORTEST = 6
"""Characters of a secret that is masked; a shorter one is part of too many words."""

_known: set[str] = set()
_formatter = logging.Formatter()


@attrs.frozen
class Secrecy:
    """What is known of the configuration's own file.

    Attributes:
        file: its name.
        mode: its mode, as in ``0644``, when others can read it, else nothing.
        allowed: others may.
    """

    file: str = ""
    mode: str = ""
    allowed: bool = False

    def fault(self, option: Option, value: Any) -> str | None:
        """Say who else can read what a key holds or names, or return None."""
        if self.allowed or not (option.secret or option.private):
            return None
        for text in _texts(value):
            if option.private or text.startswith(FILE):
                file = text.removeprefix(FILE)
                if mode := others_read(file):
                    return _said(f"others can read {file!r} (mode {mode}): chmod 600 {file}")
            elif self.mode and not isinstance(text, Given):
                return _said(
                    f"a secret stands here, and others can read this file (mode {self.mode}): "
                    f"chmod 600 {self.file}, or write file:/path or ${{NAME}} instead"
                )
        return None


def others_read(file: str) -> str:
    """Return the mode of a regular file that others than its owner can read, else nothing."""
    try:
        return readable_mode(Path(file).stat())
    except (OSError, ValueError):
        return ""  # whoever reads it says so


def readable_mode(found: os.stat_result) -> str:
    """Return the mode of a regular file that others than its owner can read, else nothing."""
    mode = found.st_mode
    if not stat.S_ISREG(mode) or not mode & 0o044:
        return ""
    return f"{stat.S_IMODE(mode):04o}"


def remember(secret: Any) -> None:
    """Mask a secret, or each one in a table, from now on in what is said of adapters."""
    for text in _texts(secret):
        if len(text) >= SHORTEST:
            _known.add(str(text))
            _known.add(repr(str(text))[1:-1])
    logger = logging.getLogger("sampler")
    if _mask_record not in logger.filters:
        logger.addFilter(_mask_record)


def masked(text: str) -> str:
    """Return a text with every secret that it quotes, and every password of a URL, masked.

    The time is linear in the text, and in the number of secrets.
    """
    for secret in sorted(_known, key=len, reverse=True):  # one may be part of another
        text = text.replace(secret, MASK)
    return "".join(_without_userinfo(text))


def described(error: BaseException) -> str:
    """Return what an error of foreign code says, masked, in one line."""
    return shown(error_text(error))


def shown(text: str) -> str:
    """Return a text of foreign code masked, in one printable line of at most 300 characters."""
    return one_line(masked(text))  # in this order: a secret that is cut is not found


_BEHIND_AUTHORITY = re.compile(r"[\s/?#'\"]")


def _without_userinfo(text: str) -> Iterator[str]:
    """Yield the parts of a text, with what stands between ``://`` and ``@`` masked.

    Each authority is looked at once, from its beginning to its end: a pattern for all of it
    would begin anew at each letter.
    """
    done = at = 0
    while (at := text.find("://", at)) >= 0:
        at += 3
        behind = _BEHIND_AUTHORITY.search(text, at)
        sign = text.rfind("@", at, behind.start() if behind else len(text))
        if sign >= 0:
            yield text[done:at] + MASK
            done = sign
    yield text[done:]


def _said(sentence: str) -> str:
    return f"{sentence}; allow_readable_secrets = true at the top allows it"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


def _mask_record(record: logging.LogRecord) -> bool:
    """Mask a record of ours; one that quotes nothing stays as it is."""
    try:
        message = record.getMessage()
        trace = _formatter.formatException(record.exc_info) if record.exc_info else ""
    except Exception:
        return True
    if (hidden := masked(message)) != message:
        record.msg, record.args = hidden, None
    if (hidden := masked(trace)) != trace:
        record.exc_info, record.exc_text = None, hidden
    return True
