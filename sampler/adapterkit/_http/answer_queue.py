"""The thread that makes answers: one call for all the requests that wait."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from sampler._runtime.threads import SimpleQueue
from sampler.adapterkit._http.exchange import Answer, Request, plain_answer
from sampler.adapterkit.threads import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sampler.adapterkit._http.client_connection import ClientConnection


class AnswerQueue:
    """Requests that wait, those whose answers are being made, and finished answers.

    A request moves from one stage to the next in a single step that cannot be interrupted, so
    that none is lost whatever call of the thread raises; nothing is locked.

    Args:
        make_answers: returns an answer for each request; it may take its time, and may raise.
        on_finished: called when there are finished answers.
        on_failure: called with what ``make_answers`` raises, within its ``except`` block.
        name: of the thread.

    Attributes:
        service: the thread.
    """

    def __init__(
        self,
        make_answers: Callable[[list[Request]], list[Answer]],
        on_finished: Callable[[], object],
        on_failure: Callable[[BaseException], object],
        name: str,
    ) -> None:
        self._make_answers = make_answers
        self._on_finished = on_finished
        self._on_failure = on_failure
        self._closed = False
        self._wakeups: SimpleQueue[None] = SimpleQueue()
        self._waiting: deque[tuple[ClientConnection, Request]] = deque()
        self._in_progress: list[tuple[ClientConnection, Request]] = []
        self._finished: deque[tuple[ClientConnection, Answer]] = deque()
        self.service: Service = Service(self._serve, name)

    def add(self, client: ClientConnection, request: Request) -> None:
        """Have the answer to a client's request made."""
        self._waiting.append((client, request))
        self._wakeups.put(None)

    def take_finished(self) -> Iterator[tuple[ClientConnection, Answer]]:
        """Remove the finished answers, and yield each with its client."""
        while self._finished:
            yield self._finished.popleft()

    def clients(self) -> set[ClientConnection]:
        """Return the clients whose answers have not been taken yet."""
        # In the order of the stages: a client that moves on meanwhile is not missed.
        waiting = [client for client, _ in self._waiting.copy()]
        in_progress = [client for client, _ in self._in_progress]
        return {*waiting, *in_progress, *[client for client, _ in self._finished.copy()]}

    def close(self) -> None:
        """Let the thread end, and settle answers that nobody will take."""
        self._closed = True
        self._wakeups.put(None)
        self._settle_finished()

    def close_in_child(self) -> None:
        """Close it in a forked child, without the parent's thread and its locks."""
        self._closed, self._wakeups = True, SimpleQueue()

    def _serve(self) -> None:
        """Make answers until it is closed; :class:`Service` calls this again after a failure."""
        self._finish([])
        while not self._closed:
            self._wakeups.get()
            while self._waiting:
                self._in_progress = [*self._in_progress, self._waiting[0]]
                self._waiting.popleft()
            if self._in_progress:
                self._finish(self._answers())

    def _answers(self) -> list[Answer]:
        try:
            return self._make_answers([request for _, request in self._in_progress])
        except BaseException as error:
            self._on_failure(error)
            return []

    def _finish(self, answers: list[Answer]) -> None:
        """Pair answers with their clients; where their number is wrong, each gets a 500."""
        if len(answers) != len(self._in_progress):
            answers = [plain_answer(500)] * len(self._in_progress)
        pairs = zip(self._in_progress, answers, strict=True)
        finished = [(client, answer) for (client, _), answer in pairs]
        self._finished += finished
        self._in_progress = []
        if self._closed:
            self._settle_finished()
        self._on_finished()

    def _settle_finished(self) -> None:
        with suppress(IndexError):
            while True:
                self._finished.popleft()[1].settle(False)
