"""Types for annotations: the shapes of the contract, and of what our classes take and return.

An author may write ``SAMPLER: Sampler = {...}`` and import this module under ``TYPE_CHECKING``.
Nothing here is needed, or checked, at run time.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping
from types import TracebackType  # noqa: TC003 - as all else here, also for typing.get_type_hints
from typing import (
    Any,
    Literal,
    Protocol,
    SupportsFloat,
    SupportsIndex,
    TypeAlias,
    TypedDict,
    TypeVar,
)

_F = TypeVar("_F", bound=Callable[..., Any])

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]
Scope: TypeAlias = Literal["interpreter", "process", "server", "host"]
Merge: TypeAlias = Literal["sum", "max", "min"]

Exemplars: TypeAlias = "Literal[True] | Callable[[], Mapping[str, str] | str | None]"
"""``True``: an instrument takes exemplars; or what returns one for each recording, or None: its
labels, or the id of the trace."""

Number: TypeAlias = SupportsIndex | SupportsFloat
"""``int`` in ±2**63, finite ``float``, or an object that converts to one; a bool is 0 or 1."""


class HistogramMapping(TypedDict, total=False):
    """A cumulative histogram; ``buckets`` maps inclusive finite bounds to cumulative counts."""

    count: int
    sum: float
    buckets: Mapping[float, int]
    scale: int
    zero_threshold: float


Labels: TypeAlias = Mapping[str, str | int]
SampleValue: TypeAlias = "Number | HistogramMapping | None"
Samples: TypeAlias = "Iterable[Sample] | AsyncIterable[Sample] | Awaitable[Iterable[Sample]]"
"""What a call of a sampler returns; if it has to be awaited, the mapping needs ``loop``."""


class Description(TypedDict, total=False):
    """The description of a metric, known without running its sampler."""

    kind: Kind
    unit: str
    help: str
    labels: Iterable[str]
    scope: Scope
    merge: Merge


_Short: TypeAlias = "tuple[str, SampleValue] | tuple[str, SampleValue, Labels | None]"
Sample: TypeAlias = "_Short | tuple[str, SampleValue, Labels | None, Description | None]"
"""What a sampler yields; the description is that of a metric which ``metrics`` does not have."""


class Environ(TypedDict):
    """What a consumer tells a factory."""

    api: int
    consumer: str
    interval: float | None
    deadline: float
    settings: Mapping[str, Any]


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


class Registered(Protocol):
    """What iterating a registry yields, of any vendor (R-12): the same object until the end."""

    @property
    def sampler(self) -> Mapping[str, Any]:
        """A copy of the mapping that was registered."""
        ...

    @property
    def time(self) -> float:
        """Epoch seconds at which it was registered."""
        ...


class Log(Protocol):
    """A log whose calls wait for no handler, as :data:`sampler.agent.log` is.

    ``args`` are filled in as :mod:`logging` does.
    """

    def debug(self, text: str, *args: object) -> None:
        """Log a message for developers."""
        ...

    def info(self, text: str, *args: object) -> None:
        """Log a message at level INFO."""
        ...

    def warning(self, text: str, *args: object) -> None:
        """Log a message at level WARNING."""
        ...

    def error(self, text: str, *args: object, error: BaseException | None = None) -> None:
        """Log a failure, with the traceback of ``error`` if one is given."""
        ...

    def exception(self, text: str, *args: object) -> None:
        """Log a failure with the traceback of the exception that is being handled."""
        ...

    def flush(self, timeout: float = 1.0) -> bool:
        """Wait until handlers have had every record so far; False: not within ``timeout`` s."""
        ...


class Clock(Protocol):
    """Tells a consumer the time, in seconds; the module ``time`` is one."""

    def time(self) -> float:
        """Return the time since the epoch."""
        ...

    def monotonic(self) -> float:
        """Return a time that never goes back."""
        ...


class ContextDecorator(Protocol):
    """A context manager for a block, also of ``async with``, and a decorator for callables."""

    def __enter__(self) -> object: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    async def __aenter__(self) -> object: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def __call__(self, function: _F) -> _F:
        """Return ``function`` with each of its calls surrounded."""
        ...
