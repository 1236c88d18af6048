"""What Celery says of its worker processes: they end by ``os._exit``, and some pools have none."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def listen(serve: Callable[[], object], stop: Callable[[], object]) -> None:
    """Be told by Celery, if the program has imported it; twice is harmless.

    Args:
        serve: called in the process that runs the tasks itself, as with ``--pool solo``.
        stop: called in a process of the pool, at its end.
    """
    signals = sys.modules.get("celery.signals")
    if signals is None:
        return

    def ready(sender: Any = None, **_: object) -> None:
        if not type(getattr(sender, "pool", None)).__module__.endswith(".prefork"):
            serve()

    def ends(**_: object) -> None:
        stop()

    signals.worker_ready.connect(ready, weak=False, dispatch_uid="sampler.serve")
    signals.worker_process_shutdown.connect(ends, weak=False, dispatch_uid="sampler.stop")
