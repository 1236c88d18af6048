"""What a registry does while samplers come, go and are read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sampler.testing._registry_suite import RegistrySuite, copy_of, names, quiet, refusal, require

_THREADS, _EACH = 8, 25


class LifeSuite(RegistrySuite):
    """A registry can be used from any thread, and shows what is registered."""

    def test_iterating_yields_registrations(self) -> None:
        """The same objects, with the mapping's copy and the time of registering."""
        registry = self.registry()
        given = {"name": "s", "sample": quiet, "acme.owner": "me", "metrics": {"a": {"unit": "s"}}}
        before = time.time()
        made = self.register(registry, given)
        other = self.register(registry, {"name": "t", "factory": quiet})
        after = time.time()
        for _ in range(2):
            found = list(registry)
            same = {id(each) for each in found} == {id(made), id(other)} and len(found) == 2
            require(same, "R-12", f"iterating yields {found}, not what register() returned")
        for each in made, other:
            at: Any = getattr(each, "time", None)
            require(isinstance(at, int | float), "R-12", f"its 'time' is {at!r}")
            says = f"registered at {at}, which is not between {before} and {after}"
            require(before - 1 <= at <= after + 1, "R-12", says)
        read = copy_of(made)
        require(read is not given, "R-12", "its 'sampler' is no copy")
        missing = [key for key in given if key not in read]
        require(not missing, "R-12", f"the copy of a sampler has no {missing}")
        require(read["acme.owner"] == "me", "R-12", f"the copy of a sampler is {read}")
        require(list(read["sample"]()) == [], "R-12", "the copy's 'sample' does not sample")

    def test_what_was_unregistered_is_gone(self) -> None:
        """At once; what an iteration under way yields of it is not called by a later round."""
        registry = self.registry()
        made = [self.register(registry, {"name": name, "sample": quiet}) for name in ("a", "b")]
        under_way = iter(registry)
        next(under_way)
        self.unregister(registry, made[0])
        self.register(registry, {"name": "c", "sample": quiet})
        error = refusal(lambda: list(under_way))
        require(error is None, "R-12", f"registering during an iteration raises there: {error!r}")
        found = sorted(names(registry))
        require(found == ["b", "c"], "R-07", f"it has {found}, not ['b', 'c']")

    def test_samplers_come_and_go_on_any_thread(self) -> None:
        """None is lost, and none stays, while others iterate."""
        registry = self.registry()
        troubles: list[Exception] = []
        done = threading.Event()

        def come_and_go(thread: int) -> None:
            for n in range(_EACH):
                kept = {"name": f"kept{thread}.n{n}", "sample": quiet}
                gone = {"name": f"gone{thread}.n{n}", "sample": quiet}
                self.register(registry, kept)
                self.unregister(registry, self.register(registry, gone))

        def look() -> None:
            while not done.is_set():
                names(registry)

        def guarded(call: Callable[..., None], *arguments: int) -> None:
            if error := refusal(lambda: call(*arguments)):
                troubles.append(error)

        threads = [
            threading.Thread(target=guarded, args=(come_and_go, n), daemon=True)
            for n in range(_THREADS)
        ]
        looking = threading.Thread(target=guarded, args=(look,), daemon=True)
        for each in (looking, *threads):
            each.start()
        for each in threads:
            each.join(self.patience)
        done.set()
        looking.join(self.patience)
        require(not troubles, "R-06", f"used from {_THREADS} threads it raises {troubles[:1]}")
        found = set(names(registry))
        wanted = {f"kept{thread}.n{n}" for thread in range(_THREADS) for n in range(_EACH)}
        lost, stayed = len(wanted - found), len(found - wanted)
        require(not lost, "R-06", f"of {len(wanted)} registered on threads, {lost} are lost")
        require(not stayed, "R-06", f"{stayed} that were unregistered on threads have stayed")

    def test_no_lock_is_held_while_foreign_code_runs(self) -> None:
        """Neither that of a mapping's class, nor of its callables, nor of a shared read."""
        registry = self.registry()
        held: list[str] = []
        numbers = iter(range(1_000_000))

        def probe(where: str) -> None:
            def use() -> None:
                made = self.register(registry, {"name": f"p{next(numbers)}", "sample": quiet})
                self.unregister(registry, made)

            if not held:
                thread = threading.Thread(target=use, daemon=True)
                thread.start()
                thread.join(self.patience / 3)
                if thread.is_alive():
                    held.append(where)

        class Comparing:
            def __call__(self) -> Any:
                return []

            def __eq__(self, other: object) -> bool:
                probe("== of a 'sample'")
                return self is other

            def __hash__(self) -> int:
                return 1

        class Reading(Mapping[str, Any]):
            def __init__(self, **keys: Any) -> None:
                self.keys_ = keys

            def __getitem__(self, key: str) -> Any:
                probe("a mapping's own method")
                return self.keys_[key]

            def __iter__(self) -> Iterator[str]:
                return iter(self.keys_)

            def __len__(self) -> int:
                return len(self.keys_)

        def sample() -> Any:
            probe("a shared 'sample'")
            return []

        self.register(registry, Reading(name="a", sample=Comparing()))
        refusal(lambda: self.register(registry, Reading(name="a", sample=Comparing())))
        made = self.register(registry, {"name": "b", "sample": sample, "min_interval": 60})
        copy_of(made)["sample"]()
        require(not held, "R-06", f"another thread that registers had to wait for {held}")

    def test_a_sampler_may_unregister_itself_while_it_is_read(self) -> None:
        """And register another."""
        registry = self.registry()
        made: list[Any] = []

        def sample() -> Any:
            self.unregister(registry, made[0])
            self.register(registry, {"name": "next", "sample": quiet})
            return [("a", 1)]

        made.append(self.register(registry, {"name": "s", "sample": sample}))
        for each in registry:
            copy_of(each)["sample"]()
        found = names(registry)
        require(found == ["next"], "R-06", f"a sampler that replaced itself leaves {found}")
