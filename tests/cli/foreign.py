"""A distribution of adapters and samplers that nobody should write, announced like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_MODULE = '''
import attrs
from sampler.agent import option


class Meta(type):
    def __getattribute__(cls, name):
        if name in ("unsupported", "__doc__", "__attrs_attrs__", "__signature__"):
            raise RuntimeError("not to be looked at\\\\nat all")
        return super().__getattribute__(name)


class Hostile(metaclass=Meta):
    pass


class Plain:
    """A plain class."""

    unsupported = {"unit": 3, 5: "x"}

    def __init__(self, host="x", *, colour="red"):
        pass


class Any:
    def __init__(self, **keys):
        pass


class Broken:
    unsupported = {"unit": None}.items()


@attrs.define
class Declared:
    """Every kind of setting, with and without a default."""

    word: str = option("a", "A word.", choices=("a", "b"))
    words: tuple = option(("a",), "Words.", choices=("a", "b"))
    limits: tuple = option(None, "Limits.", kind=tuple, items=float, minimum=1)
    names: dict = option({"a.b": "x \\\\"y\\\\" \\\\u007f"}, "Names.")
    switch: bool = option(None, "A switch.", kind=bool)
    level: int = option(None, "A level.", kind=int, choices=(3, 4))
    token: str = option("hunter2", "A | token, of <any> *kind*.", secret=True)
    ratio: float = option(1e22, "A ratio.")


NOTHING = None
ODD = {"name": "odd", "sample": tuple, "metrics": {"a": 3, "b": {"kind": "counter"}}}
GOOD = {"name": "good", "sample": tuple, "metrics": {"hits": {"help": "Two\\\\nlines."}}}
'''
_POINTS = """
[sampler.adapters]
absent = not_there:X
any = odd_adapters:Any
broken = odd_adapters:Broken
declared = odd_adapters:Declared
hostile = odd_adapters:Hostile
nothing = odd_adapters:NOTHING
o/d~d%41 = odd_adapters:Plain
plain = odd_adapters:Plain

[sampler.samplers]
good = odd_adapters:GOOD
none = odd_adapters:NOTHING
odd = odd_adapters:ODD
"""


def install(folder: Path) -> str:
    """Put the distribution, whose metadata has neither name nor version, into a folder."""
    info = folder / "odd-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\n")
    (info / "entry_points.txt").write_text(_POINTS)
    (folder / "odd_adapters.py").write_text(_MODULE.replace("\\\\", "\\"))
    return str(folder)
