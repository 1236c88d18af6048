"""The messages of Prometheus remote write, read by the package protobuf from their schema."""

from __future__ import annotations

from functools import cache

from cramjam import snappy
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_TYPES = {
    "double": 1,
    "int64": 3,
    "uint64": 4,
    "string": 9,
    "uint32": 13,
    "sint32": 17,
    "sint64": 18,
}
_SCHEMA = {
    "Label": "1 name string, 2 value string",
    "Sample": "1 value double, 2 timestamp int64",
    "Span": "1 offset sint32, 2 length uint32",
    "Histogram": "1 count uint64, 3 sum double, 4 schema sint32, 5 zero_threshold double, "
    "6 zero_count uint64, 11 positive_spans *Span, 12 positive_deltas *sint64, "
    "15 timestamp int64, 16 custom_values *double",
    "TimeSeries": "1 labels *Label, 2 samples *Sample, 4 histograms *Histogram",
    "WriteRequest": "1 timeseries *TimeSeries",
    "Metadata": "1 type uint32, 3 help_ref uint32, 4 unit_ref uint32",
    "TimeSeries2": "1 labels_refs *uint32, 2 samples *Sample, 3 histograms *Histogram, "
    "5 metadata Metadata, 6 created_timestamp int64",
    "Request": "4 symbols *string, 5 timeseries *TimeSeries2",
}


@cache
def message_of(name):
    file = descriptor_pb2.FileDescriptorProto(name="rw.proto", package="rw", syntax="proto3")
    for each, fields in _SCHEMA.items():
        message = file.message_type.add(name=each)
        for field in fields.split(", "):
            number, label, kind = field.split()
            made = message.field.add(name=label, number=int(number), label=1 + 2 * ("*" in kind))
            kind = kind.lstrip("*")
            if kind in _TYPES:
                made.type = _TYPES[kind]
            else:
                made.type, made.type_name = 11, f".rw.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"rw.{name}"))


def read(batch, message="WriteRequest"):
    """Return the request of a batch, whose bytes are all known fields."""
    data = bytes(snappy.decompress_raw(b"".join(batch.frames))) if batch.frames else b""
    found = message_of(message).FromString(data)
    known = found.SerializeToString()
    found.DiscardUnknownFields()
    assert found.SerializeToString() == known
    return found


def rows(batch):
    """Return [({label: value}, sample or histogram)] of a request of version 1.0."""
    found = []
    for series in read(batch).timeseries:
        names = [label.name for label in series.labels]
        assert names == sorted(set(names)), "labels are sorted, each once"
        assert all(label.value for label in series.labels)
        (point,) = [*series.samples, *series.histograms]
        found.append(({label.name: label.value for label in series.labels}, point))
    return found
