"""A callable that yields samples, checked by the validator."""

from __future__ import annotations

import time
import weakref
from typing import TYPE_CHECKING, Any

from sampler._contract.declaration import short
from sampler._pull.async_call import event_loop, running_loop
from sampler._registry.shared_read import checked_iterable, is_async
from sampler._runtime.printable import error_line
from sampler.validate._history import History
from sampler.validate._pull import Pull

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from sampler.validate._subject import Subject


class Sample:
    """A callable that yields samples: ``sample``, or an instance.

    Args:
        subject: the sampler under test.
        call: what to call.
    """

    def __init__(self, subject: Subject, call: Callable[[], Any]) -> None:
        self._call = call
        self._subject = subject
        self._declaration = subject.declaration
        self._report = subject.report
        self._history = History(subject)
        self._read_at = float("-inf")

    def __call__(self) -> Any:
        """Begin a pull; return what stands for the sampler's result."""
        pull, before = Pull(self._report), self._history.last
        self._check_interval()
        with _Inside(self, pull):
            start = self._subject.read_start()
            samples = self._call()
        judge = lambda: self._judge(pull, before, start)  # noqa: E731
        if is_async(samples):
            if self._declaration.loop is None:
                message = "it is asynchronous and has no 'loop'"
                self._report.add("S-12", "loop", message, self._call)
                return samples
            try:
                event_loop(self._declaration.loop)
            except Exception as error:  # consumers fail by it, too
                self._report.add("S-12", "loop", error_line(error), error)
                return samples
            if hasattr(samples, "__aiter__"):
                return self._lend_later(samples, pull, judge)
            awaited = self._await(samples, pull, judge)
            if hasattr(samples, "cr_frame"):  # nobody may ever await it
                weakref.finalize(awaited, samples.close)
            return awaited
        return self._lend(samples, pull, judge) if self._is_iterable(samples) else samples

    def _lend(
        self, samples: Any, pull: Pull, judge: Callable[[], None]
    ) -> Generator[Any, None, None]:
        try:
            with _Inside(self, pull):
                iterator = iter(samples)
            while True:
                self._check_open()
                with _Inside(self, pull):
                    item = next(iterator, _END)
                if item is _END:
                    break
                yield pull.lend(item)
            pull.complete = True
        finally:
            if hasattr(samples, "gi_frame"):
                samples.close()
            judge()

    def _is_iterable(self, samples: Any) -> bool:
        try:
            checked_iterable(samples)
        except TypeError as error:
            self._report.add(
                "S-13", "sample", f"a call returned {short(samples)}: {error}", samples
            )
            return False
        return True

    async def _lend_later(
        self, samples: Any, pull: Pull, judge: Callable[[], None]
    ) -> AsyncGenerator[Any, None]:
        self._check_loop()
        iterator = aiter(samples)
        try:
            while True:
                with _Inside(self, pull):
                    item = await anext(iterator, _END)
                if item is _END:
                    break
                yield pull.lend(item)
            pull.complete = True
        finally:
            if hasattr(samples, "aclose"):
                await samples.aclose()
            judge()

    async def _await(self, samples: Any, pull: Pull, judge: Callable[[], None]) -> Any:
        self._check_loop()
        with _Inside(self, pull):
            given = await samples
        if hasattr(given, "__aiter__"):
            return self._lend_later(given, pull, judge)
        return self._lend(given, pull, judge) if self._is_iterable(given) else given

    def _judge(self, pull: Pull, before: Any, start: float | None) -> None:
        pull.end()
        deadline = self._subject.deadline
        if pull.seconds > deadline:
            message = f"a call took {pull.seconds:.1f} s: consumers wait {deadline:g} s"
            self._report.add("S-18", "sample", message, self._call)
        if pull.complete:
            self._history.judge(pull, before, start, self._subject.read_start())

    def _check_open(self) -> None:
        """Check that it may still be read; instances override this."""

    def _check_interval(self) -> None:
        now, least = time.monotonic(), self._declaration.min_interval
        if least is not None and now - self._read_at < least * 0.9:
            message = f"read again after {now - self._read_at:.3g} s of its {least:g}"
            self._report.add("C-10", "min_interval", message, self._call)
        self._read_at = now

    def _check_loop(self) -> None:
        loop = self._declaration.loop
        if loop is not None and (mine := loop()) is not running_loop():
            self._report.add("C-07", "loop", f"it runs on another loop than {short(mine)}", mine)


class _Inside:
    """Measures the sampler's own time; reports what it raises, and lets it pass."""

    def __init__(self, sample: Sample, pull: Pull) -> None:
        self._sample = sample
        self._pull = pull

    def __enter__(self) -> None:
        self._pull.enter()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._pull.leave()
        if isinstance(error, Exception):
            self._sample._read_at = float("-inf")  # noqa: SLF001 - a failed read is not held: R-13
            report = self._sample._report  # noqa: SLF001 - its helper
            report.add("S-15", type(error).__name__, f"a call raised {short(error)}", error)


_END: Any = object()
