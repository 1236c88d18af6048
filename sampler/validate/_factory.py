"""``factory`` and its instances, checked by the validator."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Mapping
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any

from sampler._contract.declaration import short
from sampler._registry.shared_read import is_async
from sampler.validate._sample import Sample
from sampler.validate._settings import Environ, check_unknown_setting

if TYPE_CHECKING:
    from sampler.validate._breach import Report
    from sampler.validate._subject import Subject

_ENVIRON: Mapping[str, tuple[type, ...]] = {
    "api": (int,),
    "consumer": (str,),
    "interval": (int, float, type(None)),
    "deadline": (int, float),
    "settings": (Mapping,),
}


class Instance(Sample):
    """Stands for what a factory returned, which belongs to one consumer."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.instance: Any = args[-1]
        self._busy = Lock()
        self._iterator: weakref.ref[Any] | None = None
        self._life = _Life(self._report, self.instance)

    def __call__(self) -> Any:
        """Begin a pull; see :class:`Sample`."""
        self._check_open()
        unread = None if self._iterator is None else self._iterator()
        if not self._busy.acquire(blocking=False):
            self._overlap("called while an earlier call was running")
            return super().__call__()
        try:
            if unread is not None and getattr(unread, "gi_frame", None) is not None:
                self._overlap("called before the result of an earlier call was read to its end")
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
        with _Closing(self):
            closed = self.instance.close()
        if not is_async(closed):
            return closed
        awaited = self._close_later(closed)
        if hasattr(closed, "cr_frame"):  # nobody may ever await it
            weakref.finalize(awaited, closed.close)
        return awaited

    async def _close_later(self, closed: Any) -> Any:
        with _Closing(self):
            return await closed

    def check_closing(self) -> None:
        """Report a call of ``close`` that has not ended."""
        if self._life.closing:
            message = "close() has not ended: consumers wait no longer than for a pull"
            self._report.add("S-18", "close", message, self.instance)


class _Closing:
    """A call of ``close``: it may neither raise nor take long."""

    def __init__(self, instance: Closable) -> None:
        self._instance = instance
        self._began = time.monotonic()

    def __enter__(self) -> None:
        self._instance._life.closing = True  # noqa: SLF001 - its helper

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        instance = self._instance
        instance._life.closing = False  # noqa: SLF001 - as above
        report, deadline = instance._report, instance._subject.deadline  # noqa: SLF001
        if isinstance(error, Exception):
            report.add("S-15", "close", f"close() raised {short(error)}", error)
        elif (took := time.monotonic() - self._began) > deadline:
            message = f"close() took {took:.1f} s: consumers wait {deadline:g} s"
            report.add("S-18", "close", message, instance.instance)


class _Life:
    """Whether an instance has been closed; it outlives the instance's stand-in."""

    def __init__(self, report: Report, instance: Any) -> None:
        self.closed = self.closing = False
        self._report = report
        self._instance = instance
        self._pid = os.getpid()

    def end(self) -> None:
        if not self.closed and self._pid == os.getpid():  # a forked child may drop them
            message = "an instance was dropped without a call of its close()"
            self._report.add("C-04", "close", message, self._instance)


class Factory:
    """A ``factory`` under test.

    Args:
        subject: its sampler.

    Attributes:
        environ: what it was told last; None before the first call.
    """

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._factory: Any = subject.declaration.factory
        self._report = subject.report
        self._given: weakref.WeakSet[Instance] = weakref.WeakSet()
        self._environ: object = None
        self.environ: Environ | None = None

    def __call__(self, environ: Any) -> Any:
        """Check the environ; return what stands for the consumer's instance."""
        self._check_environ(environ)
        if isinstance(environ, Mapping):
            environ = self.environ = Environ(environ)
        try:
            made = self._factory(environ)
        except Exception as error:
            self._report.add("S-15", "factory", f"'factory' raised {short(error)}", error)
            raise
        if not callable(made):
            message = f"'factory' returned {short(made)}, which cannot be called"
            self._report.add("S-07", "factory", message, made)
            return made
        if any(_same(made, other.instance) for other in self._given):
            message = "'factory' returned an instance that another consumer has"
            self._report.add("S-07", "instance", message, made)
        close = getattr(made, "close", None)
        if close is not None and not callable(close):
            message = f"'close' of an instance is {short(close)}, which cannot be called"
            self._report.add("S-07", "close", message, made)
        stand_in = (Closable if callable(close) else Instance)(self._subject, made)
        self._given.add(stand_in)
        return stand_in

    def check_end(self) -> None:
        """Report calls of ``close`` that have not ended, and settings that are not read."""
        if self.environ is not None and self.environ.asked:
            check_unknown_setting(self._subject, self.environ)
        for instance in list(self._given):
            if isinstance(instance, Closable):
                instance.check_closing()

    def _check_environ(self, environ: Any) -> None:
        def wrong(message: str) -> None:
            self._report.add("C-02", "environ", message, environ)

        if not isinstance(environ, Mapping):
            wrong(f"'factory' was given {short(environ)}, which is not a mapping")
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
