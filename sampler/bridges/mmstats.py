"""Files of mmstats, of the programs that write them now or wrote them once, as a sampler.

Which numbers are totals no file says. In ``sampler.toml``::

    [bridges.mmstats]
    files = "/tmp/*.mmstats"
    counters = ["*.requests"]

The relay reads them, or one of the processes.
"""

from __future__ import annotations

import os
import stat
import struct
from fnmatch import fnmatchcase
from functools import partial
from glob import iglob
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sampler.bridges._last import Last
from sampler.bridges._log import FAILURES, Failures
from sampler.bridges._names import LabelNames, Names
from sampler.bridges._since import Since
from sampler.bridges._turn import Turn
from sampler.bridges._waiting import CHECK, known

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sampler import Registration, Registry
    from sampler.types import Sampler

__all__ = ("SAMPLER", "parse", "register", "sampler_of")

NAME = "mmstats"
_MOST_FILES = 1_000
_MOST_BYTES = 2**20
_UNBUFFERED = 255
_TYPES = "bBhHiIlLqQfd?"
_SHORT = struct.Struct("=H")


def parse(data: bytes) -> Iterator[tuple[str, int | float | str]]:
    """Yield labels and values of a file.

    Raises:
        ValueError: it is no file of mmstats, or is cut.
    """
    if data[:1] != b"\x01":
        raise ValueError(f"begins with {data[:1]!r}, no file of mmstats does")
    at = 1
    while data[at : at + 2].strip(b"\0"):
        try:
            label, at = _text(data, at)
            kind, at = _text(data, at)
            buffer, at = data[at], at + 1
            size = _size(kind)
            if buffer == _UNBUFFERED:
                place, at = at, at + size
            elif buffer in {0, 1}:  # the one that is written: the other one is whole
                place, at = at + size * (1 - buffer), at + 2 * size
            else:
                raise ValueError(f"{label!r} has a buffer {buffer}")
            (value,) = struct.unpack_from(f"={kind}" if kind[-1] == "s" else kind, data, place)
        except (struct.error, IndexError):
            raise ValueError(f"is cut at byte {at}") from None
        if isinstance(value, bytes):
            value = value.partition(b"\0")[0].decode("utf-8", "replace")
        yield label, value


def _content(path: str) -> bytes:
    """Return what is in a file; a folder that all may write to can have others, which block.

    Raises:
        ValueError: it is none.
    """
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(file, "rb") as opened:  # noqa: PTH123 - it is open
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise ValueError("is no file")
        return opened.read(_MOST_BYTES)


def _text(data: bytes, at: int) -> tuple[str, int]:
    (size,) = _SHORT.unpack_from(data, at)
    end = at + 2 + size
    if end > len(data):
        raise IndexError
    return data[at + 2 : end].decode("utf-8", "replace"), end


def _size(kind: str) -> int:
    if kind in _TYPES and len(kind) == 1:
        return struct.calcsize(kind)
    if kind[-1:] == "s" and kind[:-1].isdecimal() and len(kind) <= 6:
        return int(kind[:-1])
    raise ValueError(f"has a type {kind!r}, which is not known")


class _Files:
    def __init__(self, files: str, counters: Iterable[str]) -> None:
        self._files = files
        self._counters = tuple(counters)
        self._names = Names((FAILURES,))
        self._labels = LabelNames()
        self._failures = Failures(NAME)
        self._last: dict[str, Last] = {}

    def __call__(self) -> Iterator[tuple[Any, ...]]:
        last, self._last = self._last, {}
        paths = sorted(islice(iglob(self._files), _MOST_FILES + 1))  # noqa: PTH207
        if len(paths) > _MOST_FILES:
            self._failures.count("others", f"more than {_MOST_FILES:,} files: others are left out")
        for path in paths[:_MOST_FILES]:
            name = Path(path).name
            self._last[path] = kept = last.get(path) or Last()
            yield from kept.read(self._rows(path, name), partial(self._failures.count, name))
        yield from self._failures.samples()

    def failed(self) -> int:
        """Return how often something has failed."""
        return self._failures.total()

    def _rows(self, path: str, name: str) -> Iterator[tuple[Any, ...]]:
        try:
            values = list(parse(_content(path)))
        except FileNotFoundError:  # its program has ended meanwhile
            return
        yield from self._samples({"file": name}, values)

    def _samples(self, file: dict[str, str], values: list[Any]) -> Iterator[tuple[Any, ...]]:
        texts = {}
        for label, value in values:
            if isinstance(value, str):
                texts[self._labels.of(label)] = value
                continue
            grows = any(fnmatchcase(label, each) for each in self._counters)
            described = {"kind": "counter" if grows else "gauge", "scope": "host"}
            yield self._names.of(label), value, file, described
        if texts:
            described = {"help": "Texts of a file of mmstats.", "scope": "host"}
            yield "mmstats.info", 1, {**texts, **file}, described


def sampler_of(files: str, *, name: str = NAME, counters: Iterable[str] = ()) -> Sampler:
    """Return a sampler that reads files of mmstats.

    Args:
        files: a path, or a pattern of paths.
        name: the sampler's name.
        counters: patterns of the labels whose numbers only grow; others are gauges.
    """
    return {"name": name, "sample": _Files(files, counters)}


def register(
    files: str,
    *,
    name: str = NAME,
    registry: Registry | None = None,
    counters: Iterable[str] = (),
) -> Registration:
    """Register what :func:`sampler_of` returns.

    Args:
        files: likewise.
        name: likewise.
        registry: where; default: the default registry.
        counters: as of :func:`sampler_of`.
    """
    import sampler

    made = sampler_of(files, name=name, counters=counters)
    return (registry or sampler.registry).register(made)


def _wanted(settings: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Return files and counters of settings; raise where they are wrong."""
    known(settings, "files", "counters")
    files, counters = settings.get("files"), settings.get("counters", [])
    if not isinstance(files, str) or not files:
        raise ValueError(f"files: expected a path or a pattern of paths, got {files!r}")
    if not isinstance(counters, list | tuple) or not all(isinstance(c, str) for c in counters):
        raise ValueError(f"counters: expected a list of patterns, got {counters!r}")
    return files, tuple(counters)


class _Instance:
    """Reads the files while it is this process' turn."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        files, counters = _wanted(settings)
        self._files = _Files(files, counters)
        self._since = Since(Turn(f"mmstats {files}"), self._files.failed)

    def __call__(self) -> Iterator[tuple[Any, ...]]:
        return self._since.read(self._files())

    def close(self) -> None:
        """Let another process read them."""
        self._since.end()


SAMPLER: dict[str, Any] = {
    "name": NAME,
    "factory": lambda environ: _Instance(environ["settings"]),
    CHECK: _wanted,
}
"""The sampler ``mmstats``: what ``[bridges.mmstats]`` names."""
