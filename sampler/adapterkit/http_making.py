"""The thread that makes answers: one call for all requests that wait."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from sampler._runtime.threads import SimpleQueue
from sampler.adapterkit.http_request import Answer, Request, plain
from sampler.adapterkit.threads import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sampler.adapterkit.http_served import Client


class Making:
    """Requests on their way to an answer.

    They wait, are made, and have been made; a move from one to the next is one step that cannot
    be interrupted, and nothing is locked: whatever call of the thread raises, nobody is lost.

    Args:
        make: returns an answer for each request; it may take its time, and may raise.
        made: called when there are answers to hand out.
        failed: called with what ``make`` raises, in its ``except`` block.
        name: of the thread.

    Attributes:
        service: the thread.
    """

    def __init__(
        self,
        make: Callable[[list[Request]], list[Answer]],
        made: Callable[[], object],
        failed: Callable[[BaseException], object],
        name: str,
    ) -> None:
        self._make = make
        self._tell_made = made
        self._tell_failed = failed
        self._over = False
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._waiting: deque[tuple[Client, Request]] = deque()
        self._making: list[tuple[Client, Request]] = []
        self._made: deque[tuple[Client, Answer]] = deque()
        self.service: Service = Service(self._serve, name)

    def ask(self, client: Client, request: Request) -> None:
        """Let a client wait for its answer."""
        self._waiting.append((client, request))
        self._bell.put(None)

    def answers(self) -> Iterator[tuple[Client, Answer]]:
        """Yield what has been made, and take it away."""
        while self._made:
            yield self._made.popleft()

    def pending(self) -> set[Client]:
        """Return who waits for an answer that is going to be handed out."""
        # In the order in which they move on: nobody is missed who moves meanwhile.
        waiting = [client for client, _ in self._waiting.copy()]
        making = [client for client, _ in self._making]
        return {*waiting, *making, *[client for client, _ in self._made.copy()]}

    def end(self) -> None:
        """Let the thread end; whoever waits gets nothing any more."""
        self._over = True
        self._bell.put(None)
        self._settle_rest()

    def forget(self) -> None:
        """In a forked child: its parent has the thread, and may have held a lock."""
        self._over, self._bell = True, SimpleQueue()

    def _serve(self) -> None:
        """Make answers until the end; a call that comes after one that raised goes on."""
        self._hand_over([])
        while not self._over:
            self._bell.get()
            while self._waiting:
                self._making = [*self._making, self._waiting[0]]
                self._waiting.popleft()
            if self._making:
                self._hand_over(self._answers())

    def _answers(self) -> list[Answer]:
        try:
            return self._make([request for _, request in self._making])
        except BaseException as error:
            self._tell_failed(error)
            return []

    def _hand_over(self, answers: list[Answer]) -> None:
        """Hand the answers out to those they were made for; too few or too many are none."""
        if len(answers) != len(self._making):
            answers = [plain(500)] * len(self._making)
        pairs = zip(self._making, answers, strict=True)
        made = [(client, answer) for (client, _), answer in pairs]
        self._made += made
        self._making = []
        if self._over:
            self._settle_rest()
        self._tell_made()

    def _settle_rest(self) -> None:
        with suppress(IndexError):
            while True:
                self._made.popleft()[1].settle(False)
