"""Adapters that do another one's work while its endpoint is gone: pushing without the relay.

Both get parts of the same snapshots, and no increment is in two of them: what the endpoint may
have been told, it has; all else is pushed until it answers again. Then what was pushed is no part
of what it is told. So totals are right whatever dies first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from sampler._runtime.log import log
from sampler.agent.channel import PushChannel
from sampler.agent.config.secrets import masked_line
from sampler.agent.delivery.adapter import Batch
from sampler.agent.delivery.split import Split

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sampler._contract.snapshot import Series, Snapshot, Value
    from sampler.agent.delivery.adapter import Outcome

MISSED = 3
"""Pulls that find the endpoint gone until others stand in."""
_LAST_QUESTION = 1.0
"""Seconds for which an endpoint is asked at the end whether it is there."""


class Replaceable(Protocol):
    """An adapter that others can stand in for."""

    def send(self, batch: Batch, timeout: float) -> Outcome:
        """See :class:`Adapter`."""
        ...

    def withdraw(self, turn: int) -> Mapping[Series, Value]:
        """Send no more of what was collected before a turn, but for what may be there already.

        Returns:
            By series, what the endpoint may have been told.
        """
        ...


class StandIns:
    """Divides the snapshots of one adapter between it and those that stand in for it.

    Args:
        channel: the adapter's.
        adapter: the adapter.
        others: the channels of those that stand in for it.
    """

    def __init__(
        self, channel: PushChannel, adapter: Replaceable, others: list[PushChannel]
    ) -> None:
        self.others: list[PushChannel] = others
        self._channel = channel
        self._adapter = adapter
        self._split = Split()
        self._missed = 0

    def inherit(self, before: StandIns) -> None:
        """Go on where another configuration's ended."""
        self._split.inherit(before._split)
        self._missed = before._missed

    def ways(self, snapshot: Snapshot, *, last: bool) -> Iterable[tuple[PushChannel, Snapshot]]:
        """See :class:`Divider`."""
        split, trouble = self._split, self._channel.trouble
        self._missed = self._missed + 1 if trouble else 0
        if split.second and not (trouble and self.others):
            split.take_first()
            log.warning(
                "adapter %r delivers again: this process stops to push", self._channel.name
            )
        elif self.others and not split.second:
            trouble = self._asked() if last and not trouble else trouble
            if trouble and (last or self._missed >= MISSED):
                self._hand_over(trouble)
        yield self._channel, split.first_part(snapshot)
        if split.second:
            part = split.second_part(snapshot, _identity(snapshot.identity))
            for each in self.others:
                yield each, part

    def _hand_over(self, trouble: str) -> None:
        handed = self._adapter.withdraw(self._split.turn + 1)
        self._split.take_second(handed, self._channel.handed_over)
        names = ", ".join(each.name for each in self.others)
        log.warning("%s: until it is back, this process pushes by itself: %s", trouble, names)

    def _asked(self) -> str:
        """Return why what is handed over last would not arrive; "": it would."""
        try:
            self._adapter.send(Batch((), 0), _LAST_QUESTION)
        except Exception as error:  # it is foreign code, and the end goes on
            return masked_line(str(error))
        return ""


def link(channels: Iterable[Any], before: Iterable[Any] = ()) -> None:
    """Let adapters stand in for others, as their settings say.

    Args:
        channels: all channels of an agent.
        before: those of the configuration before.
    """
    pushing = [each for each in channels if isinstance(each, PushChannel)]
    earlier = {each.name: each.divider for each in before if isinstance(each, PushChannel)}
    for each in pushing:
        adapter = each.settings.adapter
        others = [other for other in pushing if other.settings.stands_in_for == each.name]
        old, new = earlier.get(each.name), each.divider
        if new is None and (others or old) and hasattr(adapter, "withdraw"):
            each.divider = new = StandIns(each, adapter, others)
            if isinstance(old, StandIns):
                new.inherit(old)
        elif isinstance(new, StandIns):
            new.others = others


def _identity(of: Mapping[str, str]) -> Mapping[str, str]:
    """Return the identity with which stand-ins push.

    A store that cannot see resets needs a path for each process: slots are taken again.
    """
    return {**of, "instance": f"{of.get('instance', '0')}-{of.get('pid', '0')}"}
