"""Secrets: the files that hold them must be private, and no log line or error may show them.

Adapters are foreign code, and their errors may quote a secret that they were given. So every
secret of a configuration is remembered, and masked in all that the agent logs or raises.
"""

from __future__ import annotations

import logging
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from sampler._runtime.printable import error_text, one_line
from sampler.agent.config.interpolation import FILE, Interpolated

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from sampler.agent.config.options import Option

MASK = "(secret)"
SHORTEST = 6
"""Shortest secret that is masked, in characters; a shorter one is part of too many words."""

_known: set[str] = set()
_formatter = logging.Formatter()


@attrs.frozen
class SecretsPolicy:
    """Whether others may read a configuration's secrets.

    Attributes:
        file: the configuration file's name.
        mode: its mode, as in ``0644``, if others can read it; else empty.
        allowed: others may read it and the files of secrets.
    """

    file: str = ""
    mode: str = ""
    allowed: bool = False

    def fault(self, option: Option, value: Any) -> str | None:
        """Say that others can read the secret or private file of a key, or return None."""
        if self.allowed or not (option.secret or option.private):
            return None
        for text in _texts(value):
            if option.private or text.startswith(FILE):
                file = text.removeprefix(FILE)
                if mode := others_read(file):
                    return _with_switch(
                        f"others can read {file!r} (mode {mode}): chmod 600 {file}"
                    )
            elif self.mode and not isinstance(text, Interpolated):
                return _with_switch(
                    f"holds a secret, and others can read this file (mode {self.mode}): "
                    f"chmod 600 {self.file}, or write file:/path or ${{NAME}} instead"
                )
        return None


def others_read(file: str) -> str:
    """Return the mode of a regular file that others than its owner can read, else ""."""
    try:
        return readable_mode(Path(file).stat())
    except (OSError, ValueError):
        return ""  # reading it fails with a message


def readable_mode(found: os.stat_result) -> str:
    """Return the mode of a regular file that others than its owner can read, else ""."""
    mode = found.st_mode
    if not stat.S_ISREG(mode) or not mode & 0o044:
        return ""
    return f"{stat.S_IMODE(mode):04o}"


def remember(secret: Any) -> None:
    """Mask a secret, or each one in a table, from now on in log lines and errors."""
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
    for secret in sorted(_known, key=len, reverse=True):  # one secret may contain another
        text = text.replace(secret, MASK)
    return "".join(_without_userinfo(text))


def described(error: BaseException) -> str:
    """Return the type and text of foreign code's error, masked, in one line."""
    return masked_line(error_text(error))


def masked_line(text: str) -> str:
    """Return foreign code's text, masked, in one printable line of at most 300 characters."""
    return one_line(masked(text))  # in this order: a shortened secret would not be found


_BEHIND_AUTHORITY = re.compile(r"[\s/?#'\"]")


def _without_userinfo(text: str) -> Iterator[str]:
    """Yield the parts of a text, with all between ``://`` and ``@`` masked.

    Each authority is scanned once: one pattern for the whole would start again at each letter.
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


def _with_switch(sentence: str) -> str:
    return f"{sentence}; or set allow_readable_secrets = true at the top"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


def _mask_record(record: logging.LogRecord) -> bool:
    """Mask the secrets in a log record; let the record pass in any case."""
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
