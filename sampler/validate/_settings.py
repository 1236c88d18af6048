"""Whether a factory that reads settings raises at one that it does not know (S-07)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler._contract.declaration import short
from sampler._pull.async_call import call_to_close
from sampler._registry.shared_read import is_async
from sampler._runtime.worker import Job, Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from sampler.validate._subject import Subject

_UNKNOWN = "no_such_setting"
_REMEDY = "raise at settings that it does not know, or a misspelt one is lost"


class Environ(dict[str, Any]):
    """What a factory is told.

    Attributes:
        asked: it has asked for the settings.
    """

    asked: bool = False

    def __getitem__(self, key: str) -> Any:
        self.asked = self.asked or key == "settings"
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value, or ``default``."""
        self.asked = self.asked or key == "settings"
        return super().get(key, default)


def check_unknown_setting(subject: Subject, environ: Environ) -> None:
    """Make one more instance, with a setting that does not exist, and close it.

    Args:
        subject: a sampler with a factory.
        environ: what another instance was made with.
    """
    factory: Any = subject.declaration.factory
    worker = Worker("sampler-validate")
    told = {**environ, "consumer": "validate-settings", "settings": {_UNKNOWN: True}}
    making = Job(lambda: factory(told))
    worker.run([making], subject.deadline, float("inf"))
    if making.error is None and not making.reason:
        message = f"'factory' took the setting {_UNKNOWN!r}, which it cannot know"
        subject.report.add("S-07", "settings", message, short(making.result), _REMEDY)
        if callable(close := getattr(making.result, "close", None)):
            worker.run([Job(lambda: _close(close, subject))], subject.deadline, float("inf"))
    worker.close()


def _close(close: Callable[[], Any], subject: Subject) -> None:
    if is_async(closed := close()):
        call_to_close(closed, subject.declaration.loop).result(subject.deadline)
