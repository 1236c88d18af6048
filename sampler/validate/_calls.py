"""The calls between both sides: ``sample``, ``factory``, instances, ``loop`` and ``start``."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Mapping
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any

from sampler._mapping import Declaration, short, unknown_keys
from sampler._source import is_async, running_loop
from sampler.exceptions import InvalidSampler
from sampler.validate._breach import Report
from sampler.validate._history import History
from sampler.validate._pull import Pull

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from sampler.validate._breach import Breach

_ENVIRON: Mapping[str, tuple[type, ...]] = {
    "api": (int,),
    "consumer": (str,),
    "interval": (int, float, type(None)),
    "deadline": (int, float),
}


def validator(
    sampler: Mapping[str, Any],
    report: Callable[[Breach], Any] | None = None,
    *,
    deadline: float = 5.0,
) -> Mapping[str, Any]:
    """Return a mapping that behaves as ``sampler`` does and checks both sides of it.

    Args:
        sampler: the mapping to check; also one that breaks every rule.
        report: called with each breach, once for each clause and metric, on whatever thread finds
            it; default: :func:`warnings.warn`, so that ``-W error`` makes it raise.
        deadline: seconds that a call of the sampler may take.

    Returns:
        A new mapping to register in the place of ``sampler``; ``sampler`` itself when no registry
        would take it.
    """
    told = Report(short(sampler), report)
    try:
        told.sampler = str(sampler.get("name"))
        declaration = Declaration(sampler)
        unknown = unknown_keys(sampler)
        checked = dict(sampler.items())
    except InvalidSampler as error:
        for fault in error.faults:
            told.add(fault.clause, fault, fault, sampler)
        return sampler
    except Exception as error:  # methods of its own
        told.add("S-01", "mapping", f"it is no mapping that can be read: {short(error)}", sampler)
        return sampler
    for sentence in unknown:
        told.add("S-02", sentence, sentence, sampler)
    if declaration.sample is not None:
        checked["sample"] = Sample(sampler, declaration, told, deadline)
    else:
        checked["factory"] = Factory(sampler, declaration, told, deadline)
    return checked


class Sample:
    """A callable that yields samples: ``sample``, or an instance.

    Args:
        sampler: the mapping under test.
        declaration: what it says.
        report: where breaches go.
        deadline: seconds that a call may take.
        call: what to call; default: the declaration's ``sample``.
    """

    def __init__(
        self,
        sampler: Mapping[str, Any],
        declaration: Declaration,
        report: Report,
        deadline: float,
        call: Callable[[], Any] | None = None,
    ) -> None:
        self._call: Any = declaration.sample if call is None else call
        self._declaration = declaration
        self._report = report
        self._deadline = deadline
        self._history = History(sampler, declaration, report)
        self._read_at = float("-inf")

    def __call__(self) -> Any:
        """Begin a pull, and return what stands for what the sampler returns."""
        pull, before = Pull(self._report), self._history.last
        self._check_interval()
        with _Inside(self, pull):
            start = self._declaration.start
            start = start() if callable(start) else start
            samples = self._call()
        self._history.check_start(start)
        judge = lambda: self._judge(pull, before, start)  # noqa: E731
        if is_async(samples):
            if self._declaration.loop is None:
                message = "it is asynchronous and has no 'loop'"
                self._report.add("S-27", "loop", message, self._call)
                return samples
            if hasattr(samples, "__aiter__"):
                return self._lend_later(samples, pull, judge)
            awaited = self._await(samples, pull, judge)
            if hasattr(samples, "cr_frame"):  # nobody may ever await it
                weakref.finalize(awaited, samples.close)
            return awaited
        if isinstance(samples, str | bytes | dict) or not hasattr(samples, "__iter__"):
            message = f"a call returned {short(samples)}, which is no iterable of samples"
            self._report.add("S-09", "sample", message, samples)
            return samples
        return self._lend(samples, pull, judge)

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
        return self._lend(given, pull, judge)

    def _judge(self, pull: Pull, before: Any, start: float | None) -> None:
        pull.end()
        if pull.seconds > self._deadline:
            message = f"a call took {pull.seconds:.1f} s: consumers wait {self._deadline:g} s"
            self._report.add("S-30", "sample", message, self._call)
        if pull.complete:
            self._history.judge(pull, before, start)

    def _check_open(self) -> None:
        """Check that it may still be read; of instances only."""

    def _check_interval(self) -> None:
        now, least = time.monotonic(), self._declaration.min_interval
        if least is not None and now - self._read_at < least * 0.9:
            message = f"read again after {now - self._read_at:.3g} s of its {least:g}"
            self._report.add("C-14", "min_interval", message, self._call)
        self._read_at = now

    def _check_loop(self) -> None:
        loop = self._declaration.loop
        if loop is not None and (mine := loop()) is not running_loop():
            self._report.add("C-15", "loop", f"it runs on another loop than {short(mine)}", mine)


class _Inside:
    """The sampler's own time; what it raises is reported, and goes on."""

    def __init__(self, sample: Sample, pull: Pull) -> None:
        self._sample = sample
        self._pull = pull

    def __enter__(self) -> None:
        self._pull.enter()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._pull.leave()
        if isinstance(error, Exception):
            report = self._sample._report  # noqa: SLF001 - the two are one room
            report.add("S-11", type(error).__name__, f"a call raised {short(error)}", error)


_END: Any = object()


class Instance(Sample):
    """What a factory returned: it belongs to one consumer."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.instance: Any = args[-1]
        self._busy = Lock()
        self._iterator: weakref.ref[Any] | None = None
        self._life = _Life(self._report, self.instance)

    def __call__(self) -> Any:
        """Begin a pull; see :class:`Sample`."""
        self._check_open()
        left = None if self._iterator is None else self._iterator()
        if not self._busy.acquire(blocking=False):
            self._overlap("called while an earlier call was running")
            return super().__call__()
        try:
            if left is not None and getattr(left, "gi_frame", None) is not None:
                self._overlap("called while what an earlier call returned was not read to its end")
            samples = super().__call__()
        finally:
            self._busy.release()
        if hasattr(samples, "gi_frame"):
            self._iterator = weakref.ref(samples)
        return samples

    def _overlap(self, message: str) -> None:
        self._report.add("C-03", "instance", f"an instance was {message}", self.instance)

    def _check_open(self) -> None:
        if self._life.closed:
            message = "an instance was called, or read, after its close()"
            self._report.add("C-04", "call", message, self.instance)


class Closable(Instance):
    """An instance with a ``close()``."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        weakref.finalize(self, self._life.end)

    def close(self) -> Any:
        """Close the instance."""
        if self._life.closed:
            message = "close() of an instance was called twice"
            self._report.add("C-04", "close twice", message, self.instance)
        if self._busy.locked():
            self._overlap("closed while a call was running")
        self._life.closed = True
        return self.instance.close()


class _Life:
    """Whether an instance has been closed; it outlives the instance's stand-in."""

    def __init__(self, report: Report, instance: Any) -> None:
        self.closed = False
        self._report = report
        self._instance = instance
        self._pid = os.getpid()

    def end(self) -> None:
        if not self.closed and self._pid == os.getpid():  # a forked child drops them
            message = "an instance was let go without a call of its close()"
            self._report.add("C-04", "close", message, self._instance)


class Factory:
    """A ``factory`` under test; see :class:`Sample` for the arguments."""

    def __init__(
        self,
        sampler: Mapping[str, Any],
        declaration: Declaration,
        report: Report,
        deadline: float,
    ) -> None:
        self._known = (sampler, declaration, report, deadline)
        self._factory: Any = declaration.factory
        self._report = report
        self._given: weakref.WeakSet[Instance] = weakref.WeakSet()
        self._environ: object = None

    def __call__(self, environ: Any) -> Any:
        """Check what a consumer says of itself; return what stands for its instance."""
        self._check_environ(environ)
        try:
            made = self._factory(environ)
        except Exception as error:
            self._report.add("S-11", "factory", f"'factory' raised {short(error)}", error)
            raise
        if not callable(made):
            message = f"'factory' returned {short(made)}, which cannot be called"
            self._report.add("S-08", "factory", message, made)
            return made
        if any(_same(made, other.instance) for other in self._given):
            message = "'factory' returned an instance that another consumer has already"
            self._report.add("S-08", "instance", message, made)
        stand_in = (Closable if hasattr(made, "close") else Instance)(*self._known, made)
        self._given.add(stand_in)
        return stand_in

    def _check_environ(self, environ: Any) -> None:
        def wrong(message: str) -> None:
            self._report.add("C-02", "environ", message, environ)

        if not isinstance(environ, Mapping):
            wrong(f"'factory' was given {short(environ)}, which is no mapping")
            return
        if environ is self._environ:
            wrong("two consumers were given the same environ")
        self._environ = environ
        for key, kinds in _ENVIRON.items():
            if key not in environ:
                wrong(f"the environ has no {key!r}")
            elif not isinstance(environ[key], kinds):
                wrong(f"the environ's {key!r} is {short(environ[key])}")
        if environ.get("api") not in {None, 1}:
            wrong(f"the environ's 'api' is {short(environ['api'])}, not 1")


def _same(one: Any, other: Any) -> bool:
    with suppress(Exception):  # an author's own __eq__
        return one is other or bool(
            getattr(one, "__self__", one) is getattr(other, "__self__", other)
            and getattr(one, "__func__", one) is getattr(other, "__func__", other)
        )
    return False
