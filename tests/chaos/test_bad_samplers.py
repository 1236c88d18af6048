"""Samplers that raise whatever Python can raise, and yield whatever it can build."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from tests.chaos.rig import Rig
from tests.support.waiting import wait_for


class Own(BaseException):
    """No Exception."""


class Mute(Exception):
    """Cannot be shown, hashed, compared or given a traceback."""

    def __str__(self) -> str:
        raise SystemExit

    __repr__ = __hash__ = __eq__ = __str__  # type: ignore[assignment]

    @property
    def __traceback__(self) -> Any:
        raise KeyboardInterrupt


def deep() -> None:
    """Recurse without an end."""
    deep()


def fail(kind: type[BaseException]) -> None:
    """Raise one."""
    raise kind


RAISES = {
    **{
        kind.__name__.lower(): lambda kind=kind: fail(kind)
        for kind in (
            *(Exception, SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration),
            *(Own, Mute),
        )
    },
    "recursion": deep,
    "memory": lambda: bytearray(2**62),
}


class Raising:
    """A sampler that yields one sample, then raises."""

    def __init__(self, word: str, call: Any) -> None:
        self.name, self.call, self.calls = f"bad.{word}", call, 0

    def sample(self) -> Any:
        self.calls += 1
        yield "lost", 1
        self.call()

    def mapping(self) -> dict[str, Any]:
        return {"name": self.name, "sample": self.sample}


@pytest.mark.scenario(15)
def test_whatever_a_sampler_raises_costs_itself_only() -> None:
    """All others are exact to the last answer, and each failure is counted and published."""
    bad = [Raising(word, call) for word, call in RAISES.items()]
    with Rig(*(each.mapping() for each in bad)) as rig:
        rig.run(8)
        wait_for(lambda: all(each.calls >= 4 for each in bad), what="one that was parked")
        published = (
            f'sampler.pulls.failed{{consumer="0.1s",reason="raised",sampler="{bad[0].name}"}}'
        )
        wait_for(lambda: rig.points(published), what="the count at the endpoint")
    rounds = rig.goods[0].calls
    for each in bad:
        statistics = rig.statistics[each.name]
        assert statistics.failures["raised"] == each.calls, each.name
        assert sum(statistics.failures.values()) == rounds
        assert statistics.pulls == statistics.yielded == 0
    assert not [series for series, _, _ in rig.memory.received if series.startswith("bad")]
    assert rig.points(published)[-1] <= bad[0].calls


TAKEN = {
    "numpy.int64": (np.int64(7), 7),
    "numpy.float32": (np.float32(0.5), 0.5),
    "numpy.float64": (np.float64(0.1), 0.1),
    "numpy.bool": (np.True_, 1),
    "numpy.array": (np.array(3), 3),
    "decimal": (Decimal("0.1"), 0.1),
    "fraction": (Fraction(1, 4), 0.25),
    "bool": (True, 1),
    "lowest": (-(2**63), -(2**63)),
    "denormal": (5e-324, 5e-324),
}
SILENT = [None, float("nan"), np.nan, Decimal("NaN"), np.float32("nan")]
REFUSED = {
    "out_of_range": [10**400, -(10**400), 2**63, np.uint64(2**64 - 1)],
    "not_finite": [float("inf"), -np.inf, Decimal("Infinity")],
    "type": [
        *("text", b"bytes", 1j, [], {}, object(), Decimal("sNaN"), Fraction(10**400, 1)),
        *(ValueError("a value"), np.zeros(3)),
    ],
}
ODD: dict[str, list[Any]] = {
    "name": [("Upper", 1), ("a b", 1), ("\ud800", 1), ("", 1), ("x" * 200, 1), (7, 1)],
    "label_name": [("g", 1, {"a b": "x"}), ("g", 1, {7: "x"}), ("g", 1, {"overflow": "true"})],
    "label_value": [("g", 1, {"a": value}) for value in ("\ud800", b"b", 1.5, None, "x" * 1025)],
    "labels": [("g", 1, 7), ("g", 1, "ab")],
    "shape": [7, None, "ab", (), ("g",), ["g", 1], {"g": 1}],
}


@pytest.mark.scenario(15)
def test_rubbish_is_refused_and_counted_by_reason_exactly() -> None:
    """Every number arrives; anything else is refused alone."""

    def sample() -> Any:
        for word, (value, _) in TAKEN.items():
            yield "v", value, {"kind": word}
        for n, value in enumerate(SILENT):
            yield "silent", value, {"n": n}
        for reason, values in REFUSED.items():
            for n, value in enumerate(values):
                yield "v", value, {"reason": reason, "n": n}
        for items in ODD.values():
            yield from items

    with Rig({"name": "bad.rubbish", "sample": sample}) as rig:
        rig.run(5)
    statistics = rig.statistics["bad.rubbish"]
    pulls = rig.goods[0].calls
    assert (statistics.pulls, statistics.failures) == (pulls, {})
    groups = {**REFUSED, **ODD}
    assert statistics.refused == {reason: pulls * len(group) for reason, group in groups.items()}
    assert statistics.collected == pulls * len(TAKEN)
    for word, (_, value) in TAKEN.items():
        points = rig.points(f'bad.rubbish.v{{kind="{word}"}}')
        assert points == [value] * pulls
        assert {type(each) for each in points} <= {int, float}


class Evil(str):
    """Text whose comparison lies or raises."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        raise ZeroDivisionError

    __ne__ = __eq__

    def __hash__(self) -> int:
        raise SystemExit

    __str__ = __repr__ = __len__ = __iter__ = __hash__  # type: ignore[assignment]


class Liar(str):
    """Equals everything."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return 7


class Pair(tuple[Any, ...]):
    """A sample that raises when it is looked at."""

    __slots__ = ()

    def __len__(self) -> int:
        raise ZeroDivisionError

    __iter__ = __getitem__ = __len__  # type: ignore[assignment]


@pytest.mark.scenario(15)
def test_texts_and_tuples_with_a_mind_of_their_own_stay_in_their_sampler() -> None:
    """No other sampler's number changes, and none of theirs is delivered."""
    samplers = [
        {"name": f"bad.{cls.__name__.lower()}", "sample": lambda cls=cls: cls_samples(cls)}
        for cls in (Evil, Liar)
    ]
    samplers.append({"name": "bad.pair", "sample": lambda: [("a", 1), Pair(("b", 2)), ("c", 3)]})
    with Rig(*samplers) as rig:
        rig.run(5)
    for each in samplers:
        statistics = rig.statistics[each["name"]]
        assert statistics.pulls + sum(statistics.failures.values()) == rig.goods[0].calls
        assert statistics.yielded == statistics.collected + sum(statistics.refused.values())
    assert rig.statistics["bad.pair"].refused == {"shape": rig.goods[0].calls}
    for series, value, _ in rig.memory.received:
        assert (type(series), type(value) in {int, float}) == (str, True)


def cls_samples(cls: type[str]) -> Any:
    """Yield samples with texts of that class in every place."""
    yield "first", 1
    yield cls("second"), 2
    yield "third", 3, {cls("key"): "x"}
    yield "third", 3, {"key": cls("x")}
    yield "fourth", cls("4")


HUNGRY = """
import json, pathlib, resource
from tests.chaos.rig import Rig

calls = []

def sample():
    calls.append(1)
    hoard = []
    while True:
        hoard.append(bytearray(2**22))
    yield "never", 1

(size,) = (
    int(line.split()[1])
    for line in pathlib.Path("/proc/self/status").read_text().splitlines()
    if line.startswith("VmSize")
)
limit = (size + 400_000) * 1024
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
with Rig({"name": "bad.hungry", "sample": sample}, deadline=20.0) as rig:
    rig.run(8)
failures = rig.statistics["bad.hungry"].failures
print(json.dumps([len(calls), failures, rig.goods[0].calls]))
"""


@pytest.mark.scenario(15)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_sampler_that_eats_the_memory_there_is_costs_itself_only() -> None:
    """Under a limit of the operating system, with a real MemoryError."""
    done = subprocess.run(
        [sys.executable, "-c", HUNGRY], capture_output=True, timeout=60, text=True
    )
    assert done.returncode == 0, done.stderr
    calls, failures, rounds = json.loads(done.stdout)
    assert calls > 1
    assert failures["raised"] == calls
    assert sum(failures.values()) == rounds
