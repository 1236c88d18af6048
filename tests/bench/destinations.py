"""Bridges out, beside what they take the place of: a pull and its bytes, timed in turns.

A stranger's exporter gets what its own SDK has collected, ours what a Collector has; both end with
the bytes of a request, which nobody sends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.bench import population, pulls, timed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bench.pulls import Operation

SIZE, ROUNDS = 10_000, 30


def destinations() -> dict[str, float]:
    """Nanoseconds a sample, with all values new."""
    operations = {
        "text": pulls.ours_text(SIZE, pulls.ALL),
        "remote write": _ours("sampler_remote_write", "RemoteWrite"),
        "remote write by protobuf": remote_write_by_protobuf(),
        "otlp": _ours("sampler_otlp", "OTLP", gzip=False),
        "otlp/opentelemetry": opentelemetry(),
    }
    return {
        f"{name}/ours" if "/" not in name else name: seconds / SIZE * 1e9
        for name, seconds in timed.in_turns(operations, ROUNDS).items()
    }


def _ours(module: str, name: str, **keys: Any) -> Operation:
    adapter = getattr(__import__(module), name)(**keys)
    registry, changes = population.ours(SIZE)
    return encoding(adapter, registry), population.changing(changes, pulls.ALL)


def encoding(adapter: Any, registry: Any) -> Callable[[], list[Any]]:
    """Return what pulls a registry and makes an adapter's batches."""
    from sampler import Collector

    collect = Collector(registry, deadline=60.0).collect
    return lambda: list(adapter.encode(collect(), {}))


def opentelemetry() -> Operation:
    """OpenTelemetry's reader, and the encoder of its exporter."""
    from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics

    reader, changes = population.opentelemetry(SIZE)

    def export() -> bytes:
        data: bytes = encode_metrics(reader.get_metrics_data()).SerializeToString()
        return data

    return export, population.changing(changes, pulls.ALL)


def remote_write_by_protobuf() -> Operation:
    """The same pull and requests, made by generated classes."""
    from cramjam import snappy

    from sampler import Collector
    from sampler_remote_write import RemoteWrite
    from tests.adapters.remote_write_schema import message_of, read

    registry, changes = population.ours(SIZE)
    collect = Collector(registry, deadline=60.0).collect
    known = [
        [(label.name, label.value) for label in series.labels]
        for batch in RemoteWrite().encode(collect(), {})
        for series in read(batch).timeseries
    ]
    kind = message_of("WriteRequest")

    def export() -> bytes:
        snapshot = collect()
        numbers = [value for _, value in snapshot if isinstance(value, int | float)]
        request = kind()
        for place, labels in enumerate(known):
            series = request.timeseries.add()
            for name, value in labels:
                series.labels.add(name=name, value=value)
            number = numbers[place % len(numbers)]
            series.samples.add(value=number, timestamp=int(snapshot.time * 1000))
        return bytes(snappy.compress_raw(request.SerializeToString()))

    return export, population.changing(changes, pulls.ALL)
