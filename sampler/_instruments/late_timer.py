"""A timer whose labels are known only at the end of its block."""

from __future__ import annotations

from sampler._instruments.timers import Timer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, NoReturn, TypeVar

    F = TypeVar("F", bound=Callable[..., Any])


class LateTimer(Timer):
    """Observes with the labels that it has when its block ends; one that is not set is absent.

    Args:
        instrument: the histogram.
        labels: what is known so far.
    """

    __slots__ = ("_instrument", "_texts")

    def __init__(self, instrument: Any, labels: dict[str, object]) -> None:
        self._instrument = instrument
        self._began = 0.0
        self._texts: dict[str, Any] = dict.fromkeys(
            name.replace(".", "_") for name in instrument.names
        )
        self.labels(**labels)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._instrument.labels(**self._texts).observe(self._ended())

    def labels(self, **labels: object) -> None:
        """Set labels; see :meth:`Timer.labels`."""
        if not labels.keys() <= self._texts.keys():
            expected, given = ", ".join(self._instrument.names), ", ".join(labels)
            raise ValueError(f"expected labels {expected}; got {given}")
        self._texts.update(labels)

    def __call__(self, function: F) -> F:  # noqa: ARG002
        """Refuse: nobody could set the labels of a call."""
        self._refuse()

    def __reduce__(self) -> NoReturn:
        self._refuse()

    def _refuse(self) -> NoReturn:
        missing = ", ".join(name for name, value in self._texts.items() if value is None)
        raise ValueError(f"a decorator needs all labels: give {missing}, or time a block")
