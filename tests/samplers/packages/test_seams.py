"""What is put into other people's classes: nothing that they could notice."""

from __future__ import annotations

import gc
import os
import threading
from typing import Any

import pytest

from sampler.contrib._seams import Counted, Noted, around
from tests.samplers.reading import run


def made() -> Any:
    """Return a class as of a package, whose objects have a name and count."""

    class Pool:
        def __init__(self, name: str = "a") -> None:
            self.name, self.counts = name, {"n": 0}

    return Pool


def test_objects_are_known_that_were_made_before_and_after() -> None:
    """Of subclasses, too; each once."""
    cls = made()

    class Below(cls):
        def __init__(self) -> None:
            super().__init__("below")

    early = [cls(), Below()]
    noted = Noted(cls, lambda each: each.name)
    late = [cls("late"), Below()]
    assert {id(each) for each, _ in noted.living()} == {id(each) for each in early + late}
    assert sorted(kept for _, kept in noted.living()) == ["a", "below", "below", "late"]


def test_an_object_is_not_kept_alive_and_not_kept_in_mind() -> None:
    """Also where nobody ever reads: as many are noted as live, and some."""
    noted = Noted(cls := made(), lambda each: each.name)
    kept = [cls("kept") for _ in range(5)]
    for _ in range(5_000):
        cls("gone")
    gc.collect()
    assert [name for _, name in noted.living()] == ["kept"] * 5
    assert len(noted._noted) < 2_500
    del kept
    gc.collect()
    assert noted.living() == []


def test_totals_outlive_their_objects_and_what_is_drained() -> None:
    """As many as were counted, whatever comes and goes."""
    counted = Counted(cls := made(), "name", "counts")
    happened = 0
    for number in range(30):
        one = cls("same")
        for _ in range(number):
            one.counts["n"] += 1
            happened += 1
        if number % 3 == 0:
            assert counted.totals()["same"]["n"] == happened
        if number % 5 == 0:
            counted.totals()
            one.counts = {"n": 0}  # drained
    assert counted.totals()["same"]["n"] == happened


def test_threads_that_make_and_drop_objects_lose_no_count() -> None:
    """While others read: no read shows less than the one before."""
    counted = Counted(cls := made(), "name", "counts")
    ends, falls = threading.Event(), []

    def work() -> None:
        for _ in range(2_000):
            one = cls("same")
            one.counts["n"] += 1

    def read() -> None:
        last = 0
        while not ends.is_set():
            now = counted.totals().get("same", {"n": 0})["n"]
            if now < last:
                falls.append((last, now))
            last = now

    readers = [threading.Thread(target=read) for _ in range(2)]
    workers = [threading.Thread(target=work) for _ in range(3)]
    for each in readers + workers:
        each.start()
    for each in workers:
        each.join()
    ends.set()
    for each in readers:
        each.join()
    gc.collect()
    assert not falls, falls[:3]
    assert counted.totals()["same"]["n"] == 6_000


def test_a_method_that_is_followed_again_is_followed_once() -> None:
    """As where a module is reloaded."""
    calls = []

    class Client:
        def get(self, what: str) -> str:
            """Get."""
            return what

    def make(original: Any) -> Any:
        def get(self: Any, *args: Any) -> Any:
            calls.append(args)
            return original(self, *args)

        return get

    client = Client()
    around(Client, "get", make)
    around(Client, "get", make)
    assert client.get("x") == "x"
    assert calls == [("x",)]
    assert Client.get.__doc__ == "Get."


def test_a_class_of_another_version_is_an_error_where_it_is_met() -> None:
    """Then its sampler is not there; the class stays as it is."""
    with pytest.raises(AttributeError, match="_make_request"):
        around(made(), "_make_request", lambda original: original)


def test_an_object_that_cannot_be_noted_is_made_all_the_same() -> None:
    """Without a weak reference, or without what is to be kept."""

    class Slots:
        __slots__ = ("name",)

        def __init__(self) -> None:
            self.name = "x"

    noted = Noted(Slots, lambda each: each.nothing)
    assert Slots().name == "x"
    bare = Noted(Slots, lambda each: each.name)
    assert Slots().name == "x"
    assert noted.living() == bare.living() == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_begins_with_none() -> None:
    """What its parent made is its parent's, and a lock that was held is free."""
    assert run("""
        from sampler.contrib._seams import Counted
        class Pool:
            def __init__(self): self.name, self.counts = "a", {"n": 5}
        counted = Counted(Pool, "name", "counts")
        pool = Pool()
        before = counted.totals()["a"]["n"]
        def child():
            mine = Pool()
            mine.counts["n"] = 2
            return [len(counted.living()), counted.totals()["a"]["n"]]
        counted._turn.clear()  # as while another thread reads
        after = in_child(child)
        counted._turn.append(True)
        print(json.dumps([before, after, counted.totals()["a"]["n"]]))
    """) == [5, [1, 2], 5]
