"""Which format and which encoding a client gets for its headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler_prometheus._negotiate import content_type, wants_gzip
from sampler_prometheus._text import OPENMETRICS, TEXT

PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, TEXT),
        ("", TEXT),
        ("*/*", TEXT),
        (BROWSER, TEXT),
        (PROMETHEUS_2_42, OPENMETRICS),
        (PROMETHEUS_3, OPENMETRICS),
        ("application/openmetrics-text", OPENMETRICS),
        ("application/openmetrics-text; version=1.0.0", OPENMETRICS),
        ('Application/OpenMetrics-Text; VERSION="1.0.0"; Q=1', OPENMETRICS),
        ("application/openmetrics-text;version=0.0.1", OPENMETRICS),
        ("application/openmetrics-text;version=1.4.2", OPENMETRICS),
        ("application/openmetrics-text;version=2.0.0", TEXT),
        ("application/openmetrics-text;version=99.0", TEXT),
        ("application/openmetrics-text;q=0", TEXT),
        ("application/openmetrics-text;q=0.5,text/plain;q=0.4", OPENMETRICS),
        ("application/openmetrics-text;q=0.4,text/plain;q=0.5", TEXT),
        ("application/openmetrics-text;q=0.5,text/plain;q=0.5", TEXT),
        ("text/plain;version=0.0.4;q=0.3, application/openmetrics-text; q=0.7", OPENMETRICS),
        ("application/*", TEXT),
        ("application/*;q=0.9, text/*;q=0.1", TEXT),
        ("application/openmetrics-text;q=0.2,*/*;q=0.9", TEXT),
        ("application/openmetrics-text;version=1.0.0;q=0.9,*/*;q=0.1", OPENMETRICS),
        ("application/json", TEXT),
        ("text/plain;version=1.0.0", TEXT),
        (" , ,application/openmetrics-text, ", OPENMETRICS),
    ],
)
def test_the_format_with_the_higher_quality_is_served(accept, kind):
    """Text 0.0.4 unless the client prefers OpenMetrics."""
    assert content_type(accept) == kind


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text;q=x",
        "application/openmetrics-text;q=1.5",
        "application/openmetrics-text;q=-1",
        "application/openmetrics-text;q=0.1234",
        "application/openmetrics-text;q=1e0",
        "application/openmetrics-text;q",
        "openmetrics",
        "application/openmetrics-text,;;",
        "application/openmetrics-text/x",
        "application/openmetrics text",
        "\xff\xfe",
    ],
)
def test_what_cannot_be_read_gets_the_text_format(accept):
    """Never an error."""
    assert content_type(accept) == TEXT


@given(st.text(st.characters(max_codepoint=255), max_size=80))
def test_any_header_gets_a_format(text):
    """One of the two formats, with or without compression."""
    assert content_type(text) in (TEXT, OPENMETRICS)
    assert wants_gzip(text) in (True, False)


@given(st.integers(0, 1000), st.integers(0, 1000), st.booleans())
def test_only_the_order_of_qualities_counts(text, openmetrics, turned):
    """Not the order of the list."""
    ranges = [
        f"text/plain;q={text / 1000:.3f}",
        f"application/openmetrics-text;q={openmetrics / 1000:.3f}",
    ]
    found = content_type(",".join(ranges[::-1] if turned else ranges))
    assert found == (OPENMETRICS if openmetrics > text else TEXT)


@pytest.mark.parametrize(
    ("encoding", "wanted"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("gzip;q=0", False),
        ("gzip;q=0.0", False),
        ("gzip;q=0.001", True),
        ("deflate, gzip;q=0.5, br", True),
        ("identity", False),
        ("identity;q=0.5, gzip;q=0.4", False),
        ("identity;q=0.4, gzip;q=0.5", True),
        ("identity;q=0.5, gzip;q=0.5", True),
        ("gzip, identity", True),
        ("*;q=0.5, identity;q=0.5", True),
        ("*;q=0.5, identity", False),
        ("*", True),
        ("*;q=0", False),
        ("*;q=0, gzip", True),
        ("br", False),
        ("gzip;q=x", False),
        ("gzip;level=9", True),
    ],
)
def test_gzip_is_for_those_who_ask(encoding, wanted):
    """With a quality above 0."""
    assert wants_gzip(encoding) is wanted
