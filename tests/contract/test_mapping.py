"""What a sampler mapping may say: every fault of a bad one in one error."""

from __future__ import annotations

import enum
from collections import UserDict
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler import Collector, InvalidSampler, Registration, Registry
from sampler._contract.declaration import Description
from sampler._registry.registry import state_of
from tests.contract.build import mapping, values


def register(**keys: Any) -> Registration:
    return Registry().register(keys)


def faults(**keys: Any) -> tuple[str, ...]:
    with pytest.raises(InvalidSampler) as caught:
        register(**keys)
    assert caught.value.sampler == keys
    return caught.value.faults


def test_the_example_of_the_readme_registers_and_is_pulled() -> None:
    """A plain dict and a generator function, without an import, make a sampler."""
    states = {"idle": 3, "busy": 2}

    def sample():  # type: ignore[no-untyped-def]
        yield "checkouts", 41
        for state, n in states.items():
            yield "connections", n, {"state": state}

    SAMPLER = {
        "name": "mypool",
        "sample": sample,
        "metrics": {
            "checkouts": {"kind": "counter", "help": "Connections handed out."},
            "connections": {
                "kind": "gauge",
                "unit": "{connection}",
                "help": "Connections by state.",
            },
        },
    }
    registry = Registry()
    registry.register(SAMPLER)
    with Collector(registry, deadline=5.0) as consumer:
        snapshot = consumer.collect()
    assert values(snapshot) == {
        "mypool.checkouts": 41,
        'mypool.connections{state="idle"}': 3,
        'mypool.connections{state="busy"}': 2,
    }
    series = {str(each): each for each, _ in snapshot}
    assert series["mypool.checkouts"].kind == "counter"
    assert series["mypool.checkouts"].help == "Connections handed out."
    idle = series['mypool.connections{state="idle"}']
    assert (idle.kind, idle.unit, idle.scope, idle.merge) == (
        "gauge",
        "{connection}",
        "process",
        None,
    )


@pytest.mark.clause("S-01")
def test_neither_sample_nor_factory_is_a_fault() -> None:
    """One of them is required, and the sentence says so."""
    (fault,) = faults(name="a")
    assert "exactly one" in fault
    assert "neither" in fault


@pytest.mark.clause("S-01")
def test_both_sample_and_factory_is_a_fault() -> None:
    """They exclude each other."""
    (fault,) = faults(name="a", sample=list, factory=dict)
    assert "both" in fault


@pytest.mark.clause("R-04")
def test_every_fault_is_in_one_error() -> None:
    """A mapping with nine faults raises once and names all nine."""
    found = faults(
        name="My-Pool",
        sample=3,
        labels={"Bad": "x", "ok": object()},
        start="yesterday",
        min_interval=-1,
        loop=1,
        api=2,
        metrics={"a": {"scope": "galaxy"}},
    )
    assert len(found) == 9
    for culprit in ("My-Pool", "3", "Bad", "ok", "yesterday", "-1", "loop", "api", "galaxy"):
        assert sum(culprit in fault for fault in found) >= 1, culprit


@pytest.mark.parametrize(
    "name",
    [
        "",
        "A",
        "a__b",
        "_a",
        "a_",
        "1a",
        "a.",
        ".a",
        "a..b",
        "a-b",
        "a b",
        "ä",
        "a\n",
        "a.1",
        3,
        b"a",
    ],
)
@pytest.mark.clause("S-03")
def test_a_bad_name_is_a_fault_for_samplers_metrics_and_labels(name: Any) -> None:
    """One grammar for all names."""
    assert len(faults(name=name, sample=list)) == 1
    assert len(faults(name="a", sample=list, metrics={name: {}})) == 1
    assert len(faults(name="a", sample=list, labels={name: "x"})) == 1
    assert len(faults(name="a", sample=list, metrics={"b": {"labels": [name]}})) == 1


words = st.from_regex(r"[a-z][a-z0-9]{0,4}(_[a-z0-9]{1,5}){0,3}", fullmatch=True)


@given(st.lists(words, min_size=1, max_size=3).map(".".join))
@pytest.mark.clause("S-03")
def test_words_joined_by_dots_are_names(name: str) -> None:
    """Whatever the grammar generates is accepted as each of the three."""
    registration = register(name=name, sample=list, labels={name: "x"}, metrics={name: {}})
    assert registration.name == name


@pytest.mark.clause("S-04")
def test_a_full_name_has_at_most_150_characters() -> None:
    """Sampler and metric name together, the dot included."""
    register(name="a" * 75, sample=list, metrics={"b" * 74: {}})
    assert "150" in faults(name="a" * 75, sample=list, metrics={"b" * 75: {}})[0]
    assert "150" in faults(name="a" * 150, sample=list)[0]


@pytest.mark.parametrize("thing", [None, 3, "mypool", [("name", "a")], object(), dict, int])
@pytest.mark.clause("S-01")
def test_what_is_no_mapping_is_one_fault(thing: Any) -> None:
    """Something else than a mapping is told by its type."""
    with pytest.raises(InvalidSampler, match="expected a mapping"):
        Registry().register(thing)


@pytest.mark.parametrize("key", ["labels", "metrics"])
@pytest.mark.parametrize("thing", [3, "text", [], dict, {"a"}])
def test_wrong_shapes_inside_are_faults(key: str, thing: Any) -> None:
    """``labels`` and ``metrics`` are mappings; anything else is one fault and no traceback."""
    (fault,) = faults(name="a", sample=list, **{key: thing})
    assert key in fault


@pytest.mark.parametrize(
    "description",
    [
        None,
        3,
        dict,
        {"kind": 3},
        {"unit": 3},
        {"help": b"x"},
        {"help": "\ud800"},
        {"labels": "state"},
        {"labels": 3},
        {"labels": list},
        {"labels": ["Bad"]},
        {"scope": "thread"},
        {"scope": []},
        {"merge": "last"},
        {"merge": {}},
        {"kind": "counter", "merge": "sum"},
        {"kind": "histogram", "merge": "max"},
    ],
)
@pytest.mark.clause("S-26", "S-28", "S-29", "S-30")
def test_a_bad_description_is_one_fault_that_names_its_metric(description: Any) -> None:
    """The sentence names the metric."""
    (fault,) = faults(name="a", sample=list, metrics={"busy": description})
    assert "'busy'" in fault


@pytest.mark.parametrize("key", ["kind", "unit", "help", "labels", "scope", "merge"])
def test_a_key_of_a_description_that_is_none_is_absent(key: str) -> None:
    """As a key of the mapping is."""
    first = Registry().register({"name": "a", "sample": list, "metrics": {"busy": {key: None}}})
    described = state_of(first).declaration.metrics["busy"]
    assert described.same(Description())


@pytest.mark.parametrize("start", [float("nan"), float("inf"), 10**400, True, "now", []])
@pytest.mark.clause("S-10")
def test_a_start_is_a_finite_number_of_seconds_or_callable(start: Any) -> None:
    """What would spoil every baseline is refused at the door."""
    assert "start" in faults(name="a", sample=list, start=start)[0]


@pytest.mark.clause("S-11")
def test_min_interval_goes_with_sample_only() -> None:
    """An instance owns its window, so nobody may share what it read."""
    assert "min_interval" in faults(name="a", factory=dict, min_interval=1)[0]
    register(name="a", sample=list, min_interval=1)


@pytest.mark.parametrize(
    "value", ["x" * 1025, 1.5, None, b"x", object(), "\ud800", 2**63, -(2**63) - 1, [], ("a",)]
)
@pytest.mark.clause("S-09")
def test_a_bad_constant_label_value_is_a_fault(value: Any) -> None:
    """Label values are text or ints."""
    assert "'db'" in faults(name="a", sample=list, labels={"db": value})[0]


@pytest.mark.clause("S-09")
def test_constant_labels_are_text_and_empty_ones_are_absent() -> None:
    """Ints become text; an empty value means the label is not there."""
    registry = Registry()
    registry.register(mapping("a", ("b", 1), labels={"port": 80, "up": True, "zone": ""}))
    with Collector(registry, deadline=5.0) as consumer:
        ((series, _),) = consumer.collect()
    assert series.labels == {"port": "80", "up": "1"}


@pytest.mark.clause("C-11", "S-02")
def test_unknown_keys_are_ignored() -> None:
    """A later version's keys, and those of others, do not keep a sampler out."""
    register(
        **{"name": "a", "sample": list, "sampel": 1, "acme.owner": "x", "metrics": {"b": {"q": 1}}}
    )


@pytest.mark.clause("C-11", "R-04")
def test_an_unknown_kind_is_a_gauge() -> None:
    """A kind of a later version is a gauge to this one."""
    registry = Registry()
    registry.register(mapping("a", ("b", -1), metrics={"b": {"kind": "summary", "merge": "sum"}}))
    with Collector(registry, deadline=5.0) as consumer:
        ((series, value),) = consumer.collect()
    assert (series.kind, series.merge, value) == ("gauge", "sum", -1)


@pytest.mark.parametrize("wrap", [MappingProxyType, UserDict])
def test_any_mapping_will_do(wrap: Any) -> None:
    """A sampler need not be a dict."""
    assert Registry().register(wrap({"name": "a", "sample": list})).name == "a"


@pytest.mark.clause("R-01")
def test_the_mapping_is_read_at_registration() -> None:
    """Later changes of the mapping are not seen."""
    registry, metrics = Registry(), {"b": {"kind": "counter"}}
    pool = mapping("a", ("b", 1), metrics=metrics)
    registry.register(pool)
    metrics["b"]["kind"] = "gauge"
    pool["name"] = "z"
    with Collector(registry, deadline=5.0) as consumer:
        ((series, _),) = consumer.collect()
    assert (series.name, series.kind) == ("a.b", "counter")


class Lying(str):
    """Text whose methods say something else."""

    __slots__ = ()

    def split(self, *_: Any) -> list[str]:  # type: ignore[override]
        return ["nice"]

    def __str__(self) -> str:
        return "lie"

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Any:
        return iter("lie")

    def __format__(self, _: str) -> str:
        return "lie"


def test_text_of_a_subclass_is_judged_by_what_it_holds() -> None:
    """A ``str`` subclass cannot smuggle in a bad name by overriding ``split``."""
    assert len(faults(name=Lying("Bad Name"), sample=list)) == 1
    assert len(faults(name="a", sample=list, metrics={Lying("Bad"): {}})) == 1
    assert len(faults(name="a", sample=list, labels={"db": Lying("x" * 2000)})) == 1


def test_nothing_of_the_mapping_is_kept_but_its_callables() -> None:
    """Names, units and label values in a snapshot are plain text, whatever class they had."""

    class Kind(str, enum.Enum):
        COUNTER = "counter"

    description = {"kind": Kind.COUNTER, "unit": Lying("s"), "help": Lying("Help.")}
    pool = mapping(
        Lying("pool"),
        ("busy", 1),
        labels={Lying("db"): Lying("main")},
        metrics={Lying("busy"): description},
    )
    registry = Registry()
    registry.register(pool)
    with Collector(registry, deadline=5.0) as consumer:
        ((series, _),) = consumer.collect()
    assert str(series) == 'pool.busy{db="main"}'
    assert (series.kind, series.unit, series.help) == ("counter", "s", "Help.")
    texts = [series.name, series.kind, series.unit, series.help, *series.labels]
    assert {type(text) for text in [*texts, *series.labels.values()]} == {str}


def test_one_shot_label_names_are_read_once() -> None:
    """``labels`` of a description may be any iterable."""
    registration = register(
        name="a", sample=list, metrics={"b": {"labels": (n for n in ("x", "y"))}}
    )
    assert state_of(registration).declaration.metrics["b"].labels == ("x", "y")


class Unshowable:
    """An object that cannot be shown."""

    def __repr__(self) -> str:
        raise ZeroDivisionError

    def __eq__(self, other: object) -> bool:
        raise ZeroDivisionError

    __hash__ = None  # type: ignore[assignment]


def test_an_object_that_cannot_be_shown_is_a_fault_like_any_other() -> None:
    """An author's ``__repr__`` cannot break the error message."""
    assert "Unshowable" in faults_of({"name": Unshowable(), "sample": list})
    assert "Unshowable" in faults_of({"name": "a", "sample": Unshowable()})
    assert "Unshowable" in faults_of({"name": "a", "sample": list, "labels": {"b": Unshowable()}})


def faults_of(thing: Any) -> str:
    with pytest.raises(InvalidSampler) as caught:
        Registry().register(thing)
    return str(caught.value)


rubbish = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=3)
    | st.sampled_from([dict, list, len, object(), 10**400]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=4) | st.integers(), inner, max_size=3)
    ),
    max_leaves=6,
)
keys = st.sampled_from(
    ["name", "sample", "factory", "metrics", "labels", "start", "min_interval", "loop", "api"]
)


@given(keys=st.dictionaries(keys, rubbish), named=st.booleans())
def test_rubbish_registers_or_is_an_invalid_sampler(keys: dict[str, Any], named: bool) -> None:
    """Whatever a mapping holds, registering succeeds or raises InvalidSampler with faults."""
    keys = {"name": "a", "sample": list, **keys} if named else keys
    try:
        assert register(**keys).name == keys["name"]
    except InvalidSampler as error:
        assert error.faults
        assert all(isinstance(fault, str) and fault for fault in error.faults)
