"""Labels that name who measures, beside a series' own; and entries by metric."""

from __future__ import annotations

import pytest

from sampler.adapterkit.families import families
from sampler.adapterkit.identity_labels import beside_own, filled_in_labels, labels_fault
from tests.adapters.shapes import IDENTITY, gauge


def test_templates_are_filled_in_and_empty_ones_left_out():
    """What is not known is unknown."""
    templates = {"job": "{service}", "zone": "", "who": "{host}/{instance}", "role": "{role}"}
    identity = {key: text for key, text in IDENTITY.items() if key != "role"}
    assert filled_in_labels(templates, identity) == {
        "job": "shop",
        "who": "web.example/0",
        "role": "unknown",
    }


@pytest.mark.parametrize("labels", [{"a-b": "x"}, {"__a": "x"}, {"1": "x"}, {"a": "{none}"}])
def test_what_cannot_be_a_label_is_said(labels):
    """With the label."""
    assert next(iter(labels)) in labels_fault(labels)


def test_an_own_label_gives_way_to_a_common_one_with_another_value():
    """And no value is lost."""
    common = {"job": "shop", "zone": "eu"}
    own = {"zone": "us", "job": "shop", "state": "idle"}
    assert beside_own(common, own) == {**common, "zone_": "us", "state": "idle"}
    assert beside_own(common, own, str.upper) == {
        **common,
        "ZONE": "us",
        "JOB": "shop",
        "STATE": "idle",
    }


def test_entries_come_by_metric_in_their_order():
    """A metric whose series do not stand together comes twice."""
    one, other = gauge("a.b"), gauge("a.c")
    again = one.restarted(None)
    found = list(families([(one, 1), (again, 2), (other, 3), (one, 4)]))
    assert [(metric.name, [value for _, value in entries]) for metric, entries in found] == [
        ("a.b", [1, 2]),
        ("a.c", [3]),
        ("a.b", [4]),
    ]
