"""Files that an operator writes: configurations, secrets, certificates.

Only small regular files are read. A pipe or a device might never end, and could not be read again
at a reload.
"""

from __future__ import annotations

import codecs
import os
import stat
from pathlib import Path

import attrs

MAX_BYTES = 2**20
"""Largest file that is read, in bytes."""
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_PART = 2**16


@attrs.frozen
class PlainFile:
    """What a file held when it was read.

    Attributes:
        data: its bytes.
        status: what ``stat`` says of it.
    """

    data: bytes = attrs.field(repr=False)
    status: os.stat_result

    def text(self) -> str:
        """Return it as text, with line feeds as line ends.

        Raises:
            ValueError: it is not UTF-8 text; the message says what to do.
        """
        if self.data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise ValueError('is UTF-16 text (Windows\' "Unicode"): save it as UTF-8')
        if self.data.startswith(codecs.BOM_UTF8):
            raise ValueError("begins with a byte order mark: save it as UTF-8 without one")
        if self.data[:1000].count(0) * 3 > len(self.data[:1000]):  # ASCII letters, two bytes each
            raise ValueError("is UTF-16 text without a byte order mark: save it as UTF-8")
        try:
            text = self.data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(
                f"is not UTF-8 text at byte {error.start}: save it as UTF-8"
            ) from None
        return text.replace("\r\n", "\n").replace("\r", "\n")


def read_plain_file(file: str | Path) -> PlainFile:
    """Read a whole file; never block.

    Raises:
        ValueError: it cannot be read, is not a regular file, or is larger than 1 MiB; the message
            is to follow the file's name.
    """
    try:
        descriptor = os.open(file, _FLAGS)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    except ValueError as error:  # no file can have such a name
        raise ValueError(f"cannot be read: {error}") from None
    try:
        status = os.fstat(descriptor)
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            raise ValueError("is a pipe or a device: name a regular file")
        return PlainFile(_read(descriptor), status)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)


def state(file: str) -> tuple[int, ...]:
    """Return a value that changes when a file is written or replaced; empty: there is none."""
    try:
        found = Path(file).stat()
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _read(descriptor: int) -> bytes:
    """Read to the end, as a file under ``/proc`` does not tell its size."""
    parts, size = [], 0
    while part := os.read(descriptor, _PART):
        parts.append(part)
        size += len(part)
        if size > MAX_BYTES:
            raise ValueError(f"has more than {MAX_BYTES:,} bytes: is it the right file?")
    return b"".join(parts)
