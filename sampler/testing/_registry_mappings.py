"""What a registry makes of a mapping that is registered."""

from __future__ import annotations

import threading
from typing import Any

from sampler.testing._audit import audited
from sampler.testing._registry_suite import RegistrySuite, copy_of, quiet, refusal, require

_LONG = "a" * 151

BAD: list[tuple[str, Any]] = [
    ("S-01", 3),
    ("S-01", {"sample": quiet}),
    ("S-01", {"name": "a"}),
    ("S-01", {"name": "a", "sample": quiet, "factory": quiet}),
    ("S-01", {"name": "a", "sample": 3}),
    *(("S-03", {"name": name, "sample": quiet}) for name in ("", "A", "a b", "a..b", "a__b", 3)),
    *(
        (clause, {"name": "a", "sample": quiet, **keys})
        for clause, keys in (
            ("S-03", {"metrics": {"Bad": {}}}),
            ("S-03", {"labels": {"Bad": "x"}}),
            ("S-03", {"labels": {"overflow": "x"}}),
            ("S-03", {"labels": {_LONG: "x"}}),
            ("S-04", {"name": _LONG}),
            ("S-04", {"metrics": {_LONG: {}}}),
            ("S-05", {"name": "sampler"}),
            ("S-05", {"name": "sampler.mine"}),
            ("S-09", {"labels": "text"}),
            ("S-09", {"labels": ["x"]}),
            ("S-10", {"start": "soon"}),
            ("S-11", {"min_interval": 0}),
            ("S-11", {"min_interval": -1}),
            ("S-11", {"min_interval": "1"}),
            ("S-12", {"loop": 3}),
            ("S-23", {"labels": {"x": 1.5}}),
            ("S-23", {"labels": {"x": "y" * 1025}}),
            ("S-23", {"labels": {"x": 2**63}}),
            ("S-23", {"labels": {"x": "\ud800"}}),
            ("S-26", {"metrics": 3}),
            ("S-26", {"metrics": {"b": "text"}}),
            ("S-26", {"metrics": {"b": {"kind": 3}}}),
            ("S-28", {"metrics": {"b": {"scope": "planet"}}}),
            ("S-29", {"metrics": {"b": {"merge": "last"}}}),
            ("S-29", {"metrics": {"b": {"kind": "counter", "merge": "sum"}}}),
            ("S-30", {"metrics": {"b": {"labels": 3}}}),
            ("S-30", {"metrics": {"b": {"labels": ["Bad"]}}}),
            ("api", {"api": 2}),
            ("api", {"api": "1"}),
        )
    ),
    ("S-11", {"name": "a", "factory": quiet, "min_interval": 1}),
]
"""Mappings to refuse, by the clause that they break."""

_NONE = ("labels", "metrics", "start", "min_interval", "loop", "api", "factory")

GOOD: list[dict[str, Any]] = [
    {"name": "a", "sample": quiet},
    {"name": "a.b_c.d1", "factory": quiet},
    {"name": "a", "sample": quiet, "colour": "red", "acme.owner": object()},
    {"name": "a", "sample": quiet, "api": 1, "start": quiet, "min_interval": 0.5, "loop": quiet},
    {"name": "a", "sample": quiet, **dict.fromkeys(_NONE)},
    {"name": "a", "sample": quiet, "labels": {"x": 3, "y": "", "z": True}},
    {"name": "a", "sample": quiet, "metrics": {"b": {"kind": "rate", "colour": "red"}}},
    {"name": "a", "sample": quiet, "metrics": {"b": {"kind": None, "merge": None}}},
    {"name": "a" * 148, "sample": quiet, "metrics": {"b": {}}},
]
"""Mappings to take."""


def _counter(name: str, metric: str, **described: Any) -> dict[str, Any]:
    return {"name": name, "sample": quiet, "metrics": {metric: {"kind": "counter", **described}}}


CLASHES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (GOOD[0], {"name": "a", "sample": list}, "another 'sample'"),
    (GOOD[0], {**GOOD[0], "start": 1.0}, "another 'start'"),
    (GOOD[0], {**GOOD[0], "min_interval": 5}, "another 'min_interval'"),
    (GOOD[0], {**GOOD[0], "acme.owner": "me"}, "another 'acme.owner'"),
    (GOOD[0], {**GOOD[0], "labels": {"x": ""}, "start": 1}, "labels that are absent"),
    (_counter("a.b", "c"), {**GOOD[0], "metrics": {"b.c": {}}}, "another kind of a.b.c"),
    (_counter("a", "b", unit="s"), _counter("a", "b", unit="By") | {"labels": {"x": "y"}},
     "another unit of a.b"),
    (_counter("a_b", "c"), _counter("a", "b.c"), "a_b.c and a.b.c, which are one in some stores"),
]  # fmt: skip
"""A sampler, and another that must be refused beside it: what is equal or another."""

NEIGHBOURS = [
    (GOOD[0], {**GOOD[0], "labels": {"x": "y"}}),
    (_counter("a", "b"), {**_counter("a", "b"), "labels": {"x": "y"}}),
    (_counter("a", "b", unit="s"), {**_counter("a", "b"), "labels": {"x": "y"}}),
    (_counter("a", "b"), _counter("b", "b")),
]
"""Two samplers that can be registered together."""


class MappingsSuite(RegistrySuite):
    """A registry reads a mapping once, and takes it or refuses it."""

    def test_the_mapping_is_read_when_it_is_registered(self) -> None:
        """With the mappings in it: later changes are not seen."""
        names = ["x"]
        description: dict[str, Any] = {"kind": "counter", "labels": names}
        labels, metrics = {"db": "one"}, {"a": description}
        given = {"name": "s", "sample": quiet, "labels": labels, "metrics": metrics, "start": 1.0}
        read = copy_of(self.register(self.registry(), given))
        labels["db"] = labels["more"] = "two"
        metrics["b"] = {}
        description["kind"] = "gauge"
        names.append("y")
        given.update(start=2.0, name="other")
        require(read["name"] == "s" and read["start"] == 1.0, "R-01", f"a change is seen: {read}")
        require(dict(read["labels"]) == {"db": "one"}, "R-01", f"a change is seen: {read}")
        require(list(read["metrics"]) == ["a"], "R-01", f"a change is seen: {read}")
        kept = read["metrics"]["a"]
        seen = f"a change of a description is seen: {kept}"
        require(kept["kind"] == "counter" and list(kept["labels"]) == ["x"], "R-01", seen)

    def test_registering_calls_nothing_and_starts_nothing(self) -> None:
        """No part of the sampler, no thread, no socket."""
        called: list[str] = []

        def part(name: str) -> Any:
            return lambda *_: called.append(name)

        registry = self.registry()
        threads = threading.active_count()
        keys = {"start": part("start"), "loop": part("loop"), "min_interval": 5}
        shared = {"name": "a", "sample": part("sample"), **keys}
        events = audited(lambda: self.register(registry, shared))
        self.register(registry, {"name": "b", "factory": part("factory")})
        require(not called, "R-02", f"registering called {called}")
        require(threading.active_count() <= threads, "R-02", "registering started a thread")
        sockets = [event for event in events if event.startswith("socket.")]
        require(not sockets, "R-02", f"registering opened a socket: {sockets}")

    def test_an_equal_mapping_is_the_same_registration(self) -> None:
        """Until it is unregistered."""
        registry = self.registry()
        given = {"name": "s", "sample": quiet, "labels": {"x": "y"}, "metrics": {"a": {}}}
        one = self.register(registry, given)
        equal = {**given, "labels": {"x": "y"}, "metrics": {"a": {}}}
        for again, which in ((given, "the same mapping"), (equal, "an equal one")):
            same = self.register(registry, again) is one
            require(same, "R-03", f"{which} is another registration")
        require(len(list(registry)) == 1, "R-03", f"it has {len(list(registry))} registrations")
        self.unregister(registry, one)
        require(self.register(registry, given) is not one, "R-12", "a registration came back")

    def test_a_mapping_that_breaks_a_clause_is_refused(self) -> None:
        """And is not registered."""
        for clause, bad in BAD:
            registry = self.registry()
            error = refusal(lambda: self.register(registry, bad))  # noqa: B023 - called at once
            require(error is not None, "R-04", f"it takes {bad!r:.200}, which breaks {clause}")
            require(str(error), "R-04", f"its error does not say what is wrong with {bad!r:.200}")
            require(not list(registry), "R-04", f"it has registered what it refused: {bad!r:.200}")

    def test_a_mapping_that_breaks_no_clause_is_taken(self) -> None:
        """Whatever else it has: unknown keys and kinds, and None for what is absent."""
        for good in GOOD:
            registry = self.registry()
            error = refusal(lambda: self.register(registry, good))  # noqa: B023 - called at once
            require(error is None, "R-04", f"it refuses {good!r:.200}: {error}")
            require(len(list(registry)) == 1, "R-04", f"it has not registered {good!r:.200}")

    def test_a_second_owner_of_a_name_is_refused(self) -> None:
        """What is registered stays."""
        for one, other, what in CLASHES:
            registry = self.registry()
            first = self.register(registry, one)
            error = refusal(lambda: self.register(registry, other))  # noqa: B023 - called at once
            require(error is not None, "R-05", f"it takes a second sampler with {what}: {other}")
            require(list(registry) == [first], "R-05", f"a refusal changed it, with {what}")
            self.unregister(registry, first)
            error = refusal(lambda: self.register(registry, other))  # noqa: B023 - called at once
            require(error is None, "R-05", f"it refuses {other}, though alone: {error}")

    def test_all_samplers_of_one_name_agree_about_a_metric(self) -> None:
        """Also the third with the first, where the second says nothing of the unit."""
        first, second, third = (
            {**_counter("a", "b", **keys), "labels": {"x": x}}
            for x, keys in (("1", {"unit": "s"}), ("2", {}), ("3", {"unit": "By"}))
        )
        registry = self.registry()
        of_first = self.register(registry, first)
        error = refusal(lambda: self.register(registry, second))
        require(error is None, "R-05", f"beside {first} it refuses {second}: {error}")
        error = refusal(lambda: self.register(registry, third))
        require(error is not None, "R-05", f"beside {first} and {second} it takes {third}")
        self.unregister(registry, of_first)
        error = refusal(lambda: self.register(registry, third))
        require(error is None, "R-05", f"beside {second} it refuses {third}: {error}")

    def test_samplers_that_do_not_clash_are_neighbours(self) -> None:
        """Other labels, or one kind, and no two units."""
        for one, other in NEIGHBOURS:
            registry = self.registry()
            self.register(registry, one)
            error = refusal(lambda: self.register(registry, other))  # noqa: B023 - called at once
            require(error is None, "R-05", f"beside {one} it refuses {other}: {error}")
            require(len(list(registry)) == 2, "R-05", f"{one} and {other} are one registration")
