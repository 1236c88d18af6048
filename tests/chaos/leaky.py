"""A distribution with an adapter that quotes its password wherever it can."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_MODULE = '''
import logging

import attrs

from sampler.agent import Batch, Rejected, Unavailable, option

_log = logging.getLogger("sampler")


@attrs.define
class Leaky:
    """An adapter that nobody should write."""

    how: str = option("send", "Where it fails.")
    password: str | None = option(None, "What it tells.", kind=str, secret=True)

    def __attrs_post_init__(self):
        if self.how == "value":
            raise ValueError(f"made with {self.password}")
        if self.how == "made":
            raise KeyError(self.password)

    def encode(self, snapshot, since):
        if self.how == "encode":
            raise RuntimeError(f"encoding for {self.password}")
        yield Batch((b"x",), len(snapshot))

    def send(self, batch, timeout):
        _log.warning("%s sends with %r", self.how, [self.password])
        error = {"unavailable": Unavailable, "rejected": RejectedWith}.get(self.how, RuntimeError)
        if self.how != "encode":
            try:
                {}[self.password]
            except KeyError as cause:
                raise error(f"https://me:{self.password}@host says no to {self!r}") from cause

    def close(self):
        raise RuntimeError(f"goodbye {self.password}")


def RejectedWith(message):
    return Rejected("rejected", message=message)


@attrs.define
class LeakyPage:
    """A page that nobody should write."""

    password: str | None = option(None, "What it tells.", kind=str, secret=True)

    def open(self, collect, ledger):
        raise RuntimeError(f"cannot open with {self.password}")

    def close(self, timeout):
        pass
'''
_POINTS = """
[sampler.adapters]
leaky = leaky_adapters:Leaky
leaky_page = leaky_adapters:LeakyPage
"""


def install(folder: Path) -> str:
    """Put the distribution into a folder."""
    info = folder / "leaky-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: leaky\nVersion: 1\n")
    (info / "entry_points.txt").write_text(_POINTS)
    (folder / "leaky_adapters.py").write_text(_MODULE)
    return str(folder)
