"""Messages by hand, judged by the package protobuf."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler.adapterkit import protobuf

wrappers = pytest.importorskip("google.protobuf.wrappers_pb2")
unsigned = st.integers(0, 2**64 - 1)
signed = st.integers(-(2**63), 2**63 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(unsigned, signed, st.floats(allow_nan=False), texts)
def test_fields_are_those_that_protobuf_reads(number, whole, real, text):
    """Whatever their values are."""
    assert wrappers.UInt64Value.FromString(protobuf.integer(1, number)).value == number
    assert wrappers.Int64Value.FromString(protobuf.integer(1, whole)).value == whole
    assert wrappers.DoubleValue.FromString(protobuf.double(1, real)).value == real
    assert wrappers.StringValue.FromString(protobuf.text(1, text)).value == text


@given(unsigned, st.integers(1, 10))
def test_a_number_may_have_more_bytes_than_it_needs(number, width):
    """So that numbers of one width can take each other's place."""
    written = protobuf.varint(number, width)
    assert len(written) == max(width, len(protobuf.varint(number)))
    assert wrappers.UInt64Value.FromString(b"\x08" + written).value == number


@given(signed)
def test_a_signed_number_becomes_one_without_a_sign(number):
    """Small ones stay small: 0, -1, 1, -2 are 0, 1, 2, 3."""
    found = protobuf.zigzag(number)
    assert 0 <= found < 2**64
    assert (found >> 1) ^ -(found & 1) == number


@given(st.lists(unsigned), st.lists(st.floats(allow_nan=False)))
def test_packed_fields_can_be_read_again(numbers, reals):
    """Nothing is written of nothing."""
    (varints,) = (
        protobuf.fields(protobuf.packed_varints(3, numbers)) or [None] if numbers else [None]
    )
    assert not numbers or protobuf.varints(varints.value) == numbers
    assert len(protobuf.packed_fixed64(4, numbers)) > 8 * len(numbers) or not numbers
    assert protobuf.packed_doubles(5, ()) == protobuf.packed_varints(5, ()) == b""
    assert len(protobuf.packed_doubles(5, reals)) > 8 * len(reals) or not reals


@given(st.lists(st.tuples(st.integers(1, 1000), st.binary())), unsigned, unsigned)
def test_a_message_is_read_field_by_field(parts, number, fixed):
    """Each with its own bytes, which joined are the message."""
    data = b"".join(protobuf.message(*part) for part in parts)
    data += protobuf.integer(7, number) + protobuf.fixed64(8, fixed)
    found = list(protobuf.fields(data))
    assert b"".join(field.raw for field in found) == data
    assert [(f.number, f.value) for f in found[:-2]] == parts
    assert found[-2].value == number
    assert found[-1].value == fixed.to_bytes(8, "little")


@given(st.binary())
def test_what_is_no_message_is_an_error(data):
    """And nothing else is raised."""
    try:
        found = list(protobuf.fields(data))
    except ValueError:
        return
    assert b"".join(field.raw for field in found) == data


@pytest.mark.parametrize("data", [b"\x08", b"\x0a\x05ab", b"\x0b", b"\x09\x00", b"\x80" * 11])
def test_half_a_field_is_an_error(data):
    """It says what is wrong."""
    with pytest.raises(ValueError, match=r"field|number"):
        list(protobuf.fields(data))
