"""Where samplers are published: who may own a name, and what registering costs."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import sampler
from sampler import Collector, InvalidSampler, Registry, SamplerConflict
from sampler.testing import isolated
from tests.contract.build import in_thread, mapping, values
from tests.support.waiting import wait_for


def names(registry: Registry) -> list[str]:
    return [registration.name for registration in registry]


def test_the_default_registry_is_the_one_that_collectors_read() -> None:
    """``sampler.register`` publishes where a Collector without a registry looks."""
    with (
        sampler.register(mapping("default.one", ("a", 1))),
        Collector(deadline=1.0) as consumer,
    ):
        assert values(consumer.collect())["default.one.a"] == 1


@pytest.mark.clause("R-03")
def test_the_same_mapping_again_is_the_same_registration() -> None:
    """Registering a mapping twice, or an equal copy of it, gives the first Registration."""
    registry, pool = Registry(), mapping("pool", metrics={"size": {"kind": "gauge"}})
    first = registry.register(pool)
    assert registry.register(pool) is first
    assert registry.register({**pool}) is first
    assert len(registry) == 1


def test_a_copy_that_describes_a_metric_otherwise_is_not_the_same() -> None:
    """An equal name and callable with another kind is a conflict and not the same mapping."""
    registry, pool = Registry(), mapping("pool", metrics={"size": {"kind": "gauge"}})
    registry.register(pool)
    with pytest.raises(SamplerConflict):
        registry.register({**pool, "metrics": {"size": {"kind": "counter"}}})


@pytest.mark.clause("R-05")
def test_a_second_owner_of_a_name_is_refused_and_both_are_named() -> None:
    """Two mappings with one name and equal constant labels: the second one is refused."""
    registry = Registry()
    registry.register(mapping("pool", labels={"db": "a"}))
    with pytest.raises(SamplerConflict, match=r"'pool'.*\{'db': 'a'\}") as caught:
        registry.register(mapping("pool", labels={"db": "a"}))
    assert caught.value.existing == "pool"
    assert caught.value.sampler["name"] == "pool"
    assert isinstance(caught.value, ValueError)


def test_constant_labels_tell_two_samplers_of_one_name_apart() -> None:
    """One name with other constant labels is another sampler; int and text labels are equal."""
    registry = Registry()
    registry.register(mapping("pool", labels={"port": 1}))
    registry.register(mapping("pool", labels={"port": 2}))
    with pytest.raises(SamplerConflict):
        registry.register(mapping("pool", labels={"port": "2"}))
    assert names(registry) == ["pool", "pool"]


@pytest.mark.parametrize(
    "other", [{"kind": "gauge", "unit": "s"}, {"kind": "counter", "unit": "ms"}, {}]
)
@pytest.mark.clause("R-05")
def test_another_kind_or_unit_of_one_full_name_is_refused(other: dict[str, str]) -> None:
    """A full name has one kind and one unit in a registry."""
    registry = Registry()
    first = {"busy": {"kind": "counter", "unit": "s"}}
    registry.register(mapping("pool", labels={"db": "a"}, metrics=first))
    with pytest.raises(SamplerConflict, match=r"pool\.busy"):
        registry.register(mapping("pool", labels={"db": "b"}, metrics={"busy": other}))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "b_c"), ("a.b", "c")),
        (("a.b", "c"), ("a_b", "c")),
        (("a", "b_c"), ("a", "b.c")),
    ],
)
@pytest.mark.clause("R-05")
def test_names_that_are_equal_once_flattened_are_refused(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    """``a.b_c`` against ``a_b.c``, or two of one name: the refusal has both full names."""
    registry = Registry()
    registry.register(mapping(one[0], labels={"n": 1}, metrics={one[1]: {}}))
    with pytest.raises(SamplerConflict) as caught:
        registry.register(mapping(other[0], labels={"n": 2}, metrics={other[1]: {}}))
    assert f"{one[0]}.{one[1]}" in str(caught.value)
    assert f"{other[0]}.{other[1]}" in str(caught.value)


@pytest.mark.clause("R-05")
def test_one_full_name_in_two_samplers_has_one_kind_and_may_have_one_unit() -> None:
    """``a`` with ``b.c`` and ``a.b`` with ``c``; a unit that is not given agrees with each."""
    registry = Registry()
    registry.register(mapping("a", metrics={"b.c": {"kind": "counter", "unit": "s"}}))
    with pytest.raises(SamplerConflict, match=r"'a\.b\.c' is registered as counter in 's'"):
        registry.register(mapping("a.b", metrics={"c": {"unit": "s"}}))
    registry.register(mapping("a.b", metrics={"c": {"kind": "counter"}}))
    assert names(registry) == ["a", "a.b"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"start": 1.0}, {"start": 2.0}),
        ({"min_interval": 1}, {"min_interval": 60}),
        ({}, {"loop": list}),
        ({"x.y": 1}, {"x.y": 2}),
        ({}, {"start": list}),
        ({}, {"later": 1}),
        ({"metrics": {"n": {}}}, {"metrics": {"n": {"x.y": 1}}}),
    ],
)
@pytest.mark.clause("R-03", "R-05")
def test_a_mapping_that_differs_in_any_key_is_another_owner(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    """Whether the key is known or not; and an equal one is the same registration."""
    registry, first = Registry(), mapping("t", **one)
    registration = registry.register(first)
    assert registry.register(dict(first)) is registration
    assert registry.register(registration.sampler) is registration
    with pytest.raises(SamplerConflict, match="another owner"):
        registry.register(mapping("t", **{"metrics": {}, **other}))


@pytest.mark.clause("R-03")
def test_what_cannot_be_compared_is_not_equal() -> None:
    """An author's ``__eq__`` may raise."""

    class Shy:
        def __eq__(self, other: object) -> bool:
            raise ValueError("ask somebody else")

        __hash__ = None  # type: ignore[assignment]

    registry = Registry()
    registry.register(mapping("t", **{"x.y": Shy()}))
    with pytest.raises(SamplerConflict, match="another owner"):
        registry.register(mapping("t", **{"x.y": Shy()}))


@pytest.mark.parametrize("name", ["sampler", "sampler.agent"])
@pytest.mark.clause("S-05")
def test_the_reserved_name_is_refused(name: str) -> None:
    """``sampler`` belongs to the consumer, which may use it in a registry of its own."""
    with pytest.raises(InvalidSampler, match="reserved"):
        Registry().register(mapping(name))
    assert Registry(reserved=True).register(mapping(name)).name == name


def test_a_name_is_free_again_after_its_sampler_has_gone() -> None:
    """unregister() and the context manager withdraw; a second time is harmless."""
    registry = Registry()
    with registry.register(mapping("pool")) as registration:
        assert "pool" in registry
    assert "pool" not in registry
    registration.unregister()
    again = registry.register(mapping("pool"))
    registration.unregister()
    assert list(registry) == [again]


def test_unregister_by_name_removes_all_of_that_name() -> None:
    """``Registry.unregister`` takes every sampler of the name, and says when there is none."""
    registry = Registry()
    for label in "ab":
        registry.register(mapping("pool", labels={"db": label}))
    other = registry.register(mapping("cache"))
    registry.unregister("pool")
    assert list(registry) == [other]
    with pytest.raises(KeyError, match="pool"):
        registry.unregister("pool")


@pytest.mark.clause("R-02")
def test_registering_calls_nothing_and_starts_no_thread() -> None:
    """Neither sample, factory, start nor loop is called before a pull."""

    def trap(*_: Any) -> Any:
        raise AssertionError("called at registration")

    before = threading.active_count()
    registry = Registry()
    registry.register({"name": "a", "sample": trap, "start": trap, "loop": trap})
    registry.register({"name": "b", "factory": trap})
    assert threading.active_count() == before


@pytest.mark.clause("R-02")
def test_registering_imports_no_thread_and_no_socket() -> None:
    """A library that registers does not drag in what pulling needs."""
    script = (
        "import sys, sampler; sampler.register({'name': 'a', 'sample': list});"
        "assert not {'threading', 'socket', 'logging'} & set(sys.modules), sys.modules"
    )
    subprocess.run(
        [sys.executable, "-S", "-c", script], check=True, env={"PYTHONPATH": "."}, timeout=30
    )


@pytest.mark.clause("R-06")
def test_comparing_callables_runs_without_the_lock() -> None:
    """An author's ``__eq__`` may itself use the registry: no lock is held while it runs."""
    registry = Registry()

    class Nosy:
        def __call__(self) -> list[Any]:
            return []

        def __eq__(self, other: object) -> bool:
            registry.register(mapping("nosy.seen", metrics={"x": {}}))
            return False

        __hash__ = None  # type: ignore[assignment]

    registry.register({"name": "pool", "sample": Nosy()})
    wait = in_thread(lambda: registry.register({"name": "pool", "sample": Nosy()}))
    with pytest.raises(SamplerConflict):
        wait(5.0)
    registry.unregister("nosy.seen")
    assert names(registry) == ["pool"]


def test_one_of_many_threads_wins_a_name() -> None:
    """Threads that register one name at once: one gets it, the others hear of a conflict."""
    registry, start = Registry(), threading.Barrier(4)
    for number in range(50):
        registry.register(mapping(f"other{number}"))

    def claim() -> list[bool]:
        won = []
        for number in range(30):
            start.wait(10)
            try:
                registry.register(mapping(f"pool{number}"))
                won.append(True)
            except SamplerConflict:
                won.append(False)
        return won

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        claims = [wait(30.0) for wait in [in_thread(claim) for _ in range(4)]]
    finally:
        sys.setswitchinterval(interval)
    assert [sum(won) for won in zip(*claims, strict=True)] == [1] * 30
    assert len(registry) == len(set(names(registry))) == 80


def test_iterating_while_the_registry_changes_sees_one_state() -> None:
    """A loop over a registry goes over what was there when it began."""
    registry = Registry()
    for index in range(5):
        registry.register(mapping(f"a{index}"))
    seen = []
    for registration in registry:
        seen.append(registration.name)
        registration.unregister()
        registry.register(mapping(f"b{len(seen)}"))
    assert seen == [f"a{index}" for index in range(5)]
    assert names(registry) == [f"b{index}" for index in range(1, 6)]


@pytest.mark.clause("R-06")
@pytest.mark.scenario(21)
def test_a_sampler_may_unregister_itself_while_it_is_pulled() -> None:
    """The pull in which it goes still counts; the next one does not know it."""
    registry = Registry()

    def sample() -> Any:
        yield "a", 1
        registration.unregister()
        yield "b", 2

    registration = registry.register({"name": "leaving", "sample": sample})
    with Collector(registry, deadline=5.0) as consumer:
        assert values(consumer.collect()) == {"leaving.a": 1, "leaving.b": 2}
        assert values(consumer.collect()) == {}


@pytest.mark.clause("R-06")
@pytest.mark.scenario(21)
def test_a_sampler_may_register_another_while_it_is_pulled() -> None:
    """What is registered during a pull is pulled by the next one."""
    registry = Registry()

    def sample() -> Any:
        registry.register(child)
        yield "a", 1

    child = mapping("child", ("a", 1))
    registry.register({"name": "parent", "sample": sample})
    with Collector(registry, deadline=5.0) as consumer:
        assert values(consumer.collect()) == {"parent.a": 1}
        assert values(consumer.collect()) == {"parent.a": 1, "child.a": 1}


def test_a_registry_lets_go_of_what_was_unregistered() -> None:
    """Neither registry nor consumer keeps a withdrawn sampler alive after the next pull."""

    class Source:
        def __call__(self) -> list[Any]:
            return [("a", 1)]

    registry, source = Registry(), Source()
    registry.register({"name": "pool", "sample": source})
    gone = weakref.ref(source)
    del source
    with Collector(registry, deadline=5.0) as consumer:
        consumer.collect()
        registry.unregister("pool")
        consumer.collect()
        wait_for(lambda: [gc.collect()] and gone() is None, 5.0, "the sampler to be freed")


class Changing(RuleBasedStateMachine):
    """A registry that its own samplers change while it is pulled, against a set of names."""

    def __init__(self) -> None:
        super().__init__()
        self.registry = Registry()
        self.model: dict[str, Any] = {}
        self.plan: list[tuple[str, str]] = []
        self.consumer = Collector(self.registry, deadline=20.0)

    def change(self, action: str, name: str) -> None:
        if action == "register":
            self.model.setdefault(name, self.registry.register(self.sampler(name)))
        elif name in self.model:
            self.model.pop(name).unregister()

    def sampler(self, name: str) -> dict[str, Any]:
        if name in self.model:
            mapping: dict[str, Any] = self.model[name].sampler
            return mapping

        def sample() -> Any:
            yield "before", 1
            plan, self.plan = self.plan, []
            for action, other in plan:
                self.change(action, other)
            yield "after", 1

        return {"name": name, "sample": sample}

    @rule(action=st.sampled_from(["register", "unregister"]), name=st.sampled_from("abcdef"))
    def change_from_outside(self, action: str, name: str) -> None:
        self.change(action, name)

    @rule(
        plan=st.lists(
            st.tuples(st.sampled_from(["register", "unregister"]), st.sampled_from("abcdef")),
            max_size=6,
        )
    )
    def change_while_pulled(self, plan: list[tuple[str, str]]) -> None:
        pulled, self.plan = list(self.model), list(plan)
        snapshot = in_thread(self.consumer.collect)(10.0)
        assert not snapshot.failures
        gone = {name for action, name in plan if action == "unregister"}
        for name in pulled:  # one that was unregistered before its turn is not called
            both = {f"{name}.{metric}" for metric in ("before", "after")} & values(snapshot).keys()
            assert len(both) == 2 or (name in gone and not both)
        self.plan = []

    @rule()
    def collect_from_inside(self) -> None:
        error: list[BaseException] = []

        def sample() -> Any:
            try:
                self.consumer.collect()
            except sampler.CollectorBusy as busy:
                error.append(busy)
            yield "a", 1

        with self.registry.register({"name": "nested", "sample": sample}):
            snapshot = in_thread(self.consumer.collect)(10.0)
        assert values(snapshot)["nested.a"] == 1
        assert len(error) == 1

    @invariant()
    def the_registry_is_the_model(self) -> None:
        assert sorted(names(self.registry)) == sorted(self.model)

    def teardown(self) -> None:
        self.consumer.close()


TestChanging = Changing.TestCase
TestChanging.settings = settings(max_examples=30, stateful_step_count=15, deadline=None)


def test_an_empty_registry_is_true() -> None:
    """So ``registry or default`` does not pass over one that nothing has registered in yet."""
    registry = Registry()
    assert registry
    assert len(registry) == 0


def test_the_default_registry_has_a_name() -> None:
    """It is looked up at each use, so that tests may put another one in its place."""
    with isolated() as registry:
        assert sampler.registry is registry
        with sampler.register({"name": "pool", "sample": list}) as registration:
            assert tuple(sampler.registry) == (registration,)
    assert sampler.registry is not registry
