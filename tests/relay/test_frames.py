"""The wire: whole messages, whatever pieces they come in, and no others."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from sampler.agent import HistogramValue
from sampler.relay.frames import FrameReader, frame
from sampler.relay.members import Members
from sampler.relay.messages import BadMessage, Hello, Kind, decode_body, encode_body
from sampler.relay.session import Session
from tests.relay.rig import ABSENT, Reader, Relay, Worker

MESSAGES = st.lists(
    st.tuples(st.sampled_from(list(Kind)), st.none() | st.integers(0, 9) | st.text(max_size=9))
)
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=6),
    max_leaves=30,
)


@given(MESSAGES, st.lists(st.integers(1, 12), min_size=1))
def test_messages_come_out_as_they_went_in(messages, pieces):
    """However they are cut."""
    left = b"".join(frame(kind, body) for kind, body in messages)
    reader, found = FrameReader(), []
    while left:
        for size in pieces:
            found += reader.feed(left[:size])
            left = left[size:]
    assert not reader.pending
    assert found == [(k, b"" if b is None else encode_body(b)) for k, b in messages]


@given(st.binary(max_size=200))
def test_bytes_are_messages_or_are_refused(data):
    """Nothing else is raised, and nothing is kept for long."""
    reader = FrameReader()
    with contextlib.suppress(BadMessage):
        for kind, body in reader.feed(data):
            decode_body(kind, body)


@given(st.lists(st.tuples(st.sampled_from(list(Kind)), JUNK), max_size=5))
def test_a_session_takes_messages_or_refuses_them(messages):
    """Whatever is in them; its process' series stay readable."""
    members = Members(1.0, lambda: 2.0)
    session = Session(members, members.welcome(Hello(1, "u", "s", "0", "worker", 1.0), 1))
    with contextlib.suppress(BadMessage):
        for kind, body in messages:
            session.receive(kind, encode_body(body))
    members.collect(members.reader())


NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.just(ABSENT) | NUMBERS, max_size=20), st.integers(0, 5))
def test_values_arrive_as_they_were_pulled(values, observed):
    """To the bit; what could not be read is not there."""
    relay, worker = Relay(1.0), Worker(1.0)
    for index, value in enumerate(values):
        worker.add(f"shop.g{index}", value, "gauge", merge="max")
    histogram = HistogramValue(observed, 0.1, ((0.1, 0), (2.5, observed)), 3, 0.25)
    worker.add("shop.h", histogram, "histogram", start=1.0)
    relay.report(worker, 2.0)
    found = Reader(relay).collect(3.0)
    wanted = {f"shop.g{i}": value for i, value in enumerate(values) if value is not ABSENT}
    assert repr({**wanted, "shop.h": histogram}) == repr(found)
