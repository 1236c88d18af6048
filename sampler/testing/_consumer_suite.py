"""What the suite of consumers asks of those who inherit from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import TypeAlias

Pulled: TypeAlias = "tuple[Mapping[Any, Any], Mapping[Any, Any] | None, Collection[str]]"


class Consumer(Protocol):
    """What the suite asks of a consumer under test."""

    def pull(
        self,
    ) -> tuple[Mapping[Any, Any], Mapping[Any, Any] | None, Collection[str]]:
        """Pull once.

        Returns:
            ``values``, ``increments`` and ``failed``. Values by series: a series is
            ``(full name, ((label, text), ...))`` with its labels sorted, and a histogram is
            ``(count, sum or None, ((upper, cumulative), ...))``. Increments of cumulative series
            since the pull before, 0 for a baseline; None if the consumer takes no differences.
            The names of the samplers whose pull failed.
        """
        ...

    def close(self) -> None:
        """Close the consumer."""
        ...


class ConsumerSuite:
    """What the tests of a consumer have in common.

    Only :meth:`consumer` has to be written. The other methods are the optional means by which a
    consumer shows what it does about some of the clauses. Each returns None by default, which
    says "it cannot": the checks that need it are skipped, and the skip says so.

    Attributes:
        deadline: seconds that each sampler is given.
        patience: seconds after which a test no longer waits for something to happen.
        asynchronous: it can run asynchronous samplers; a consumer that cannot must fail them.
        forks: a consumer goes on, as a new one, in a child of ``os.fork`` (C-19).
        limit: samples of one pull that it takes (C-14); None: it has no bound.
    """

    deadline: ClassVar[float] = 0.25
    patience: ClassVar[float] = 30.0
    asynchronous: ClassVar[bool] = True
    forks: ClassVar[bool] = False
    limit: ClassVar[int | None] = None

    def consumer(self, samplers: list[Mapping[str, Any]], deadline: float) -> Consumer:
        """Return a new consumer that has begun: it has pulled each sampler once (C-01).

        Args:
            samplers: what is registered; a mapping that is removed later is unregistered.
            deadline: seconds that each sampler has.
        """
        raise NotImplementedError

    def first(self, consumer: Any) -> Pulled | None:
        """Return what the pull with which a consumer began brought, as its ``pull()`` would."""
        del consumer
        return None

    def beside(self, consumer: Any) -> Consumer | None:
        """Return a second consumer, which has begun, of the same registrations as ``consumer``."""
        del consumer
        return None

    def refused(self, consumer: Any) -> Mapping[tuple[str, str], int] | None:
        """Return how many samples a consumer has refused, by sampler and reason."""
        del consumer
        return None

    def rates(self, consumer: Any) -> Mapping[Any, float] | None:
        """Return the increases per second, by series, that the last pull of a consumer showed.

        A series without a new read since the pull before is left out.
        """
        del consumer
        return None

    def configured(
        self,
        samplers: list[Mapping[str, Any]],
        deadline: float,
        settings: Mapping[str, Mapping[str, Any]],
    ) -> Consumer | None:
        """Return a consumer for which an operator set ``settings``, by the samplers' names."""
        del samplers, deadline, settings
        return None

    def registries(self, registries: list[Iterable[Any]], deadline: float) -> Consumer | None:
        """Return a consumer, which has begun, that pulls registries of other vendors.

        Args:
            registries: iterating one yields its registrations, objects with ``sampler`` and
                ``time`` (R-12) and nothing else.
            deadline: seconds that each sampler has.
        """
        del registries, deadline
        return None
