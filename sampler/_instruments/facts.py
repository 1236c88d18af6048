"""Facts as gauges: texts that belong to a program, and which of several states it is in."""

from __future__ import annotations

from sampler._instruments.gauge import Gauge
from sampler._instruments.labelled_kinds import LabelledGauge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Info(LabelledGauge):
    """A gauge that is 1 and has texts as its labels; made by :meth:`Instruments.info`."""

    __slots__ = ()

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(names, Gauge)

    def say(self, texts: Mapping[str, object]) -> None:
        """Say these texts from now on, in the place of those before.

        Raises:
            ValueError: their names are not those with which it was made.
        """
        now = self.labels(texts)
        now.set(1)
        for child in self.children():
            if child is not now:
                self.remove(*child.texts)


class States(LabelledGauge):
    """A gauge for each state: 1 for the present one, 0 for others; see :meth:`Instruments.states`.

    Attributes:
        states: all of them.
    """

    __slots__ = ("states",)

    def __init__(self, label: str, states: Iterable[str]) -> None:
        super().__init__((label,), Gauge)
        self.states: tuple[str, ...] = tuple(states)

    def enter(self, state: str) -> None:
        """Be in this state from now on.

        Raises:
            ValueError: there is no such state.
        """
        if state not in self.states:
            raise ValueError(f"no such state: {state!r}; there are {', '.join(self.states)}")
        self.labels(state).set(1)
        for other in self.states:
            if other != state:
                self.labels(other).set(0)
