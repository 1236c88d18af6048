"""Files that an operator writes: configurations, secrets, certificates.

They are small and plain. Anything else, such as a pipe or a device, might never end, and could not
be read again when the configuration is.
"""

from __future__ import annotations

import codecs
import os
import stat
from pathlib import Path

import attrs

MAX_BYTES = 2**20
"""Bytes of such a file."""
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_PART = 2**16


@attrs.frozen
class PlainFile:
    """What a file held when it was read.

    Attributes:
        data: its bytes.
        status: what the system says of it.
    """

    data: bytes = attrs.field(repr=False)
    status: os.stat_result

    def text(self) -> str:
        """Return it as text, every end of a line as a line feed.

        Raises:
            ValueError: it is none; the message says what to do.
        """
        if self.data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise ValueError("is UTF-16 text: save it as UTF-8")
        if self.data.startswith(codecs.BOM_UTF8):
            raise ValueError("begins with a byte order mark: save it as UTF-8 without one")
        try:
            text = self.data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"is no UTF-8 text: byte {error.start}: save it as UTF-8") from None
        return text.replace("\r\n", "\n").replace("\r", "\n")


def read_plain_file(file: str | Path) -> PlainFile:
    """Read a whole file, without waiting for anybody.

    Raises:
        ValueError: it cannot be read, is no plain file, or has more than 1 MiB; the message goes
            on where the file's name ends.
    """
    try:
        descriptor = os.open(file, _FLAGS)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    except ValueError as error:  # a name that no file can have
        raise ValueError(f"cannot be read: {error}") from None
    try:
        status = os.fstat(descriptor)
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            raise ValueError("is a pipe or a device: name a plain file")
        return PlainFile(_read(descriptor), status)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)


def state(file: str) -> tuple[int, ...]:
    """Return what is different once a file has been written or replaced."""
    try:
        found = Path(file).stat()
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _read(descriptor: int) -> bytes:
    """Read to the end: the size of a file under ``/proc`` is not what it holds."""
    parts, size = [], 0
    while part := os.read(descriptor, _PART):
        parts.append(part)
        size += len(part)
        if size > MAX_BYTES:
            raise ValueError(f"has more than {MAX_BYTES:,} bytes: is it the right file?")
    return b"".join(parts)
