"""Label values that are no plain text: each becomes one, and none raises."""

from __future__ import annotations

import base64
import hashlib
import sys
from typing import Any

from sampler._contract.declaration import class_name
from sampler._contract.names import MAX_LABEL_VALUE, plain_str
from sampler._runtime.abandoned import is_foreign

_MARK = 27
"""Characters of a mark: ``-`` and 26 of base32, 128 bits of the text's SHA-256."""


def text_of(value: object) -> str:
    """Return a label value as text: ``None`` is absent, a member of an enumeration its value.

    What is longer than a label value may be, or cannot be written as UTF-8, is cut or escaped, and
    ends in a mark, so that two different texts never become one.
    """
    try:
        text = _written(value)
    except BaseException as error:  # an object's own __str__
        if not is_foreign(error):
            raise
        text = f"<{class_name(value)}>"
    if len(text) <= MAX_LABEL_VALUE:
        try:
            text.encode()
            return text
        except UnicodeEncodeError:  # a lone surrogate
            pass
    raw = text.encode("utf-8", "surrogatepass")
    mark = base64.b32encode(hashlib.sha256(raw).digest()[:16]).decode().rstrip("=").lower()
    stem = text[: MAX_LABEL_VALUE - _MARK].encode("utf-8", "backslashreplace").decode()
    return f"{stem[: MAX_LABEL_VALUE - _MARK]}-{mark}"


def _written(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return plain_str(value)
    if isinstance(value, bytes | bytearray):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, int):
        return _digits(int.__int__(value))
    if (enum := sys.modules.get("enum")) is not None and isinstance(value, enum.Enum):
        member: Any = value
        return _written(member.value)
    return plain_str(str(value))


def _digits(number: int) -> str:
    """Return a whole number as text; a huge one in hexadecimal, which Python always writes."""
    return str(number) if abs(number) < 2**1000 else hex(number)
