"""What brings tasks to workers: queues of Celery and RQ, as their clients see them."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING, Any

from tests.support.ports import HOST, accepts, free_port

if TYPE_CHECKING:
    from pathlib import Path

REDIS = "/usr/bin/redis-check-rdb"
"""Redis, which is a server under another name; the package of that name would start one."""
_START = 10.0  # seconds


class Nothing:
    """No queue."""

    def submit(self, pieces: int) -> None:
        """Not to be called."""
        raise NotImplementedError

    def close(self) -> None:
        """There is nothing to end."""


class CeleryQueue(Nothing):
    """A broker that is a folder."""

    def __init__(self, folder: Path) -> None:
        from celery import Celery

        queue = folder / "queue"
        queue.mkdir()
        self._app: Any = Celery(broker="filesystem://")
        self._app.conf.broker_transport_options = {
            "data_folder_in": str(queue),
            "data_folder_out": str(queue),
            "control_folder": str(folder / "control"),
            "polling_interval": 0.1,
        }
        (folder / "celeryconfig.py").write_text(
            f'broker_url = "filesystem://"\n'
            f"broker_transport_options = {self._app.conf.broker_transport_options!r}\n"
            "worker_prefetch_multiplier = 1\ntask_ignore_result = True\n"
        )

    def submit(self, pieces: int) -> None:
        """Send tasks."""
        for _ in range(pieces):
            self._app.send_task("celery_tasks.work", ignore_result=True)

    def close(self) -> None:
        """Close the connection."""
        self._app.close()


class RQQueue(Nothing):
    """A Redis server of this life's own."""

    def __init__(self, folder: Path) -> None:
        from redis import Redis
        from rq import Queue

        port = free_port()
        self._server = subprocess.Popen(
            ["redis-server", "--port", str(port), "--bind", HOST, "--save", "", "--dir", folder],
            executable=REDIS,
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _START
        while not accepts(port) and time.monotonic() < deadline:
            time.sleep(0.05)
        (folder / "rq_settings.py").write_text(f'REDIS_URL = "redis://{HOST}:{port}/0"\n')
        self._queue = Queue(connection=Redis(HOST, port))

    def submit(self, pieces: int) -> None:
        """Send jobs."""
        for _ in range(pieces):
            self._queue.enqueue("shop.work_and_tell", result_ttl=0)

    def close(self) -> None:
        """End the server."""
        self._server.kill()
        self._server.wait()


def daemon(work: str, folder: Path) -> Nothing:
    """Return the queue for a kind of work."""
    kinds: dict[str, Any] = {"celery": CeleryQueue, "rq": RQQueue}
    return kinds[work](folder) if work in kinds else Nothing()
