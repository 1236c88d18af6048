"""CloudWatch's embedded metric format: documents that its published rules allow."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from sampler.agent import HistogramValue
from sampler_cloudwatch import EMF
from tests.adapters.one_of_each import SHOT, SINCE
from tests.adapters.shapes import NOW, counter, gauge, histogram, snapshot, snapshots
from tests.support.sending import delivered

_AMOUNTS = [
    "Bytes",
    "Bits",
    *(f"{p}{w}" for p in ("Kilo", "Mega", "Giga", "Tera") for w in ("bytes", "bits")),
]
_UNITS = ["Seconds", "Microseconds", "Milliseconds", "Percent", "Count", "None", *_AMOUNTS]
_UNITS += [f"{word}/Second" for word in (*_AMOUNTS, "Count")]
_TEXT = {"type": "string", "minLength": 1, "maxLength": 1024}
_METRIC = {
    "type": "object",
    "required": ["Name"],
    "properties": {"Name": _TEXT, "Unit": {"enum": _UNITS}},
    "additionalProperties": False,
}
_DIRECTIVE = {
    "type": "object",
    "required": ["Namespace", "Dimensions", "Metrics"],
    "properties": {
        "Namespace": _TEXT,
        "Dimensions": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "array", "maxItems": 30, "items": {**_TEXT, "maxLength": 250}},
        },
        "Metrics": {"type": "array", "minItems": 1, "maxItems": 100, "items": _METRIC},
    },
    "additionalProperties": False,
}
SCHEMA = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "properties": {
                "Timestamp": {"type": "integer"},
                "CloudWatchMetrics": {"type": "array", "items": _DIRECTIVE},
            },
        }
    },
}
"""What the specification of the format says of a document."""
VALID = Draft202012Validator(SCHEMA)


def documents(shot, since=None, adapter=None):
    """Return the documents of all batches, each of which is allowed."""
    batches = list((adapter or EMF()).encode(shot, since or {}))
    assert sum(batch.entries for batch in batches) == len(shot)
    lines = b"".join(frame for batch in batches for frame in batch.frames).split(b"\n")
    assert lines.pop() == b""
    found = []
    for line in lines:
        assert len(line) <= 256 * 1024
        document = json.loads(line)
        VALID.validate(document)
        (directive,) = document["_aws"]["CloudWatchMetrics"]
        names = [metric["Name"] for metric in directive["Metrics"]]
        assert len(set(names)) == len(names)
        for name in names:
            assert isinstance(document[name], int | float)
        for dimension in directive["Dimensions"][0]:
            assert document[dimension]
            assert document[dimension].isascii()
        assert len(document) == 1 + len(names) + len(directive["Dimensions"][0])
        found.append(document)
    return found


def metrics(found):
    """Return {(name, dimensions): (value, unit)}."""
    return {
        (metric["Name"], tuple((key, document[key]) for key in directive["Dimensions"][0])): (
            document[metric["Name"]],
            metric["Unit"],
        )
        for document in found
        for directive in document["_aws"]["CloudWatchMetrics"]
        for metric in directive["Metrics"]
    }


def test_each_kind_of_series_is_a_metric():
    """Counters and histograms as their increase, with the time of the read."""
    found = documents(SHOT, SINCE)
    shop = ("service", "shop")
    assert metrics(found) == {
        ("pool.size", (shop, ("x", "1"))): (4, "None"),
        ("pool.outs", (shop,)): (2, "None"),
        ("pool.wait.count", (("a", "b"), shop)): (3, "Count"),
        ("pool.wait.sum", (("a", "b"), shop)): (9.0, "Seconds"),
        ("pool.low", (shop,)): (-2.5, "None"),
    }
    assert {document["_aws"]["Timestamp"] for document in found} == {int(NOW * 1000)}


def test_series_with_the_same_dimensions_share_a_document():
    """A hundred of them; another begins behind."""
    entries = [(gauge(f"a.m{n}"), n) for n in range(250)]
    found = documents(snapshot(*entries), adapter=EMF(dimensions={}))
    assert [len(document) - 1 for document in found] == [100, 100, 50]


@pytest.mark.parametrize(
    ("unit", "word"),
    [
        ("s", "Seconds"),
        ("By", "Bytes"),
        ("%", "Percent"),
        ("{request}", "Count"),
        ("By/s", "Bytes/Second"),
        ("{request}/s", "Count/Second"),
        ("{request}/min", "None"),
        ("s/s", "None"),
        ("1", "None"),
        ("", "None"),
        ("Cel", "None"),
    ],
)
def test_a_unit_is_cloudwatchs_word_for_it(unit, word):
    """And None where it has none."""
    ((_, found),) = metrics(documents(snapshot((gauge("a.b", unit), 1)))).values()
    assert found == word


@settings(max_examples=30)
@given(snapshots())
def test_any_snapshot_has_documents_that_are_allowed(shot):
    """Whatever its names, labels and values are."""
    documents(shot)


def test_what_cloudwatch_takes_not_is_refused_alone():
    """It would refuse the whole document."""
    entries = [
        (gauge("a.b"), 1),
        (gauge("a.huge"), 1e300),
        (gauge("a.c", **{f"l{n}": "x" for n in range(31)}), 1),
        (gauge("a.d", **{"a.d": "x"}), 1),
        (counter("a.e"), 2),
    ]
    (batch,) = EMF().encode(snapshot(*entries), {})
    assert batch.samples == 2
    assert batch.refused == {"out_of_range": 1, "unsupported": 1, "collision": 1}


def test_dimensions_are_the_operators():
    """A series' own label of that name gets an underscore; a text beyond ASCII a mark."""
    adapter = EMF(dimensions={"service": "{service}", "stage": "prod"}, namespace="Shop/Web")
    (document,) = documents(snapshot((gauge("a.b", stage="x", word="\u00fc"), 1)), adapter=adapter)
    assert document["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Shop/Web"
    assert (document["service"], document["stage"], document["stage_"]) == ("shop", "prod", "x")
    assert len(document["word"]) == 27


def test_documents_are_lines_of_a_file(tmp_path):
    """Which CloudWatch's agent reads."""
    file = tmp_path / "metrics.log"
    adapter = EMF(path=str(file))
    assert delivered(adapter, [snapshot((gauge("a.b"), 1))]).delivered == 1
    (line,) = file.read_text().splitlines()
    assert json.loads(line)["a.b"] == 1


@pytest.mark.parametrize("namespace", ["", ":x", "\u00fc", "x" * 256, "a\nb"])
def test_a_namespace_that_cloudwatch_refuses_is_refused(namespace):
    """When it is configured."""
    with pytest.raises(ValueError, match="namespace: "):
        EMF(namespace=namespace)


def test_losses_are_what_a_document_has_no_place_for():
    """Help; a histogram's buckets; units that CloudWatch does not know; zeros."""
    assert documents(snapshot((counter("a.none"), 0))) == []
    value = HistogramValue(3, None, ((1.0, 3),))
    found = documents(snapshot((histogram("a.b", "parsec", "Help."), value)))
    assert metrics(found) == {("a.b.count", (("service", "shop"),)): (3, "Count")}
    assert "Help" not in str(found)
    assert set(EMF.unsupported) == {
        "unit",
        "help",
        "kind",
        "precision",
        "histograms",
        "zeros",
    }
