"""The shapes of the contract, for annotation.

An author may write ``SAMPLER: Sampler = {...}`` with this module imported under
``TYPE_CHECKING``; nothing here is needed, or checked, at run time.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping
from typing import Any, Literal, Protocol, SupportsFloat, SupportsIndex, TypeAlias, TypedDict

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]
Scope: TypeAlias = Literal["interpreter", "process", "server", "host"]
Merge: TypeAlias = Literal["sum", "max", "min"]

Number: TypeAlias = SupportsIndex | SupportsFloat
"""``int`` in ±2**63, finite ``float``, or what converts to one; ``bool`` counts as 0 or 1."""


class HistogramValue(TypedDict, total=False):
    """A cumulative histogram; ``buckets`` maps inclusive finite uppers to cumulative counts."""

    count: int
    sum: float
    buckets: Mapping[float, int]
    scale: int
    zero_threshold: float


Labels: TypeAlias = Mapping[str, str | int]
SampleValue: TypeAlias = "Number | HistogramValue | None"
Sample: TypeAlias = "tuple[str, SampleValue] | tuple[str, SampleValue, Labels | None]"

Samples: TypeAlias = "Iterable[Sample] | AsyncIterable[Sample] | Awaitable[Iterable[Sample]]"
"""What a call of a sampler gives; what has to be awaited needs ``loop``."""


class Description(TypedDict, total=False):
    """What is known of a metric without running its sampler."""

    kind: Kind
    unit: str
    help: str
    labels: Iterable[str]
    scope: Scope
    merge: Merge


class Environ(TypedDict):
    """What a consumer tells a factory."""

    api: int
    consumer: str
    interval: float | None
    deadline: float


class Instance(Protocol):
    """What a factory returns: called once a pull, never concurrently; may have ``close()``."""

    def __call__(self) -> Samples:
        """Yield the samples of one pull."""
        ...


class Sampler(TypedDict, total=False):
    """A sampler mapping: ``name`` and exactly one of ``sample`` and ``factory`` are required."""

    api: int
    name: str
    sample: Callable[[], Samples]
    factory: Callable[[Mapping[str, Any]], Instance]
    metrics: Mapping[str, Description]
    labels: Labels
    start: float | Callable[[], float]
    min_interval: float
    loop: Callable[[], Any]
