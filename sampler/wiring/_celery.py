"""Celery: each process of a prefork pool, and the only one of every other pool.

The agent itself listens to Celery's signals for the end; where SIGTERM ends a child, as when a
task is revoked, it stops first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler.wiring._patching import missing
from sampler.wiring._serving import begin, supervise

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ("signals",)


def signals(module: ModuleType) -> None:
    """Wire :mod:`celery.signals`."""
    for name, receiver in (
        ("worker_init", _worker),
        ("worker_process_init", _child_begins),
    ):
        signal = getattr(module, name, None)
        if signal is None:
            missing(f"celery.signals.{name}", "its workers get no agent")
        else:
            signal.connect(receiver, weak=False)


def _worker(sender: Any = None, **_: object) -> None:
    pool = getattr(sender, "pool_cls", "")
    forks = "prefork" in f"{pool}{getattr(pool, '__module__', '')}"
    supervise("celery", forks=forks)  # the application's agent may wait for the children of a pool
    if not forks:
        begin("celery")


def _child_begins(**_: object) -> None:
    begin("celery", signals=True)
