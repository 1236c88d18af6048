"""Where a scenario is played: it starts servers, opens phases, and hands out what was seen."""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from examples.talk.frame.load import drive
from examples.talk.frame.scenario import Outcome, Scenario, judged
from examples.talk.frame.servers import INTERVAL, Gunicorn
from examples.talk.frame.timeline import Phase, Timeline
from examples.talk.frame.watch import Watch
from tests.support.nginx import Nginx

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from examples.talk.frame.load import Clients

IDLE = 0.15
"""Part of the host's CPU that others may take while a scenario is played that is about CPU."""
_LOOKS = 5
"""Looks at the page that a load lasts at least."""
_SAMPLERS = ("process", "http.server", "gunicorn", "listener")


class BusyError(Exception):
    """Others use the CPU that this scenario is about."""


@dataclass(frozen=True)
class Served:
    """A server that answers.

    Attributes:
        port: where clients ask: nginx's port, if it is in front.
        gunicorn: the server itself.
    """

    port: int
    gunicorn: Gunicorn


class Stage:
    """A folder, a timeline, and a pace.

    Args:
        folder: where servers keep their files.
        pace: what all durations of phases are multiplied by.

    Attributes:
        timeline: what was seen so far.
    """

    def __init__(self, folder: Path, pace: float = 1.0) -> None:
        self.timeline = Timeline()
        self.folder, self._pace, self._runs = folder, pace, 0

    @contextmanager
    def serve(
        self,
        *options: str,
        workers: int = 1,
        nginx: bool = True,
        samplers: Sequence[str] = (),
        toml: str = "",
        env: Mapping[str, str] | None = None,
    ) -> Iterator[Served]:
        """Run gunicorn, behind nginx or alone, and watch its page, for as long as a block lasts.

        Args:
            options: gunicorn's.
            workers: how many it has.
            nginx: whether nginx is in front.
            samplers: what is read beside the usual.
            toml: more of ``sampler.toml``.
            env: of the application.
        """
        self._runs += 1
        with ExitStack() as running:
            enabled = [*_SAMPLERS, *samplers]
            settings = ""
            if nginx:
                front = Nginx(self.folder / f"nginx-{self._runs}")
                running.callback(front.close)
                enabled.append("nginx")
                settings = f'[samplers.settings.nginx]\nurl = "{front.status}"\n'
            gunicorn = Gunicorn(
                self.folder / f"gunicorn-{self._runs}",
                ("-w", str(workers), *options),
                workers,
                f"[samplers]\nenable = {enabled}\n{settings}{toml}",
                env or {},
            )
            if nginx:
                front.before(gunicorn.port)
                front.start()
            running.enter_context(gunicorn)
            running.enter_context(
                Watch(gunicorn.page, self._runs, INTERVAL, self.timeline.scrapes.append)
            )
            yield Served(front.port if nginx else gunicorn.port, gunicorn)

    @contextmanager
    def phase(self, name: str, *, whole: bool = False) -> Iterator[None]:
        """Call what happens in a block by a name.

        Args:
            name: the phase's.
            whole: what is counted from the very beginning counts.
        """
        begin = time.monotonic()
        yield
        time.sleep(2 * INTERVAL if whole else 0)  # what was counted last is on the page
        self.timeline.phases.append(Phase(name, begin, time.monotonic(), whole))

    def load(self, port: int, seconds: float, *clients: Clients, least: int = 0) -> None:
        """Have clients come to a port for so many seconds, times the pace.

        Args:
            port: where they ask.
            seconds: how long, at least.
            clients: who.
            least: how many answers there have to be.
        """
        looks, answers = len(self.timeline.scrapes), len(self.timeline.heard)

        def enough() -> bool:
            return (
                len(self.timeline.scrapes) >= looks + _LOOKS
                and len(self.timeline.heard) >= answers + least
            )

        note = self.timeline.heard.append
        drive(port, seconds * self._pace, *clients, note=note, enough=enough)


def busy() -> float:
    """Return which part of the host's CPU is in use."""
    return psutil.cpu_percent(1.0) / 100


def _ours() -> float:
    """Return the CPU seconds of this process, and of those that it has started and that ended."""
    return sum(os.times()[:4])


def _all() -> float:
    """Return the CPU seconds of everybody on the host."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0)


def play(
    scenario: Scenario, pace: float = 1.0, *, others: float | None = None
) -> tuple[Timeline, Outcome]:
    """Play a scenario.

    Args:
        scenario: what is played.
        pace: what its durations are multiplied by.
        others: which part of the host's CPU others use; None: it is measured, if that matters.

    Raises:
        BusyError: it is about CPU, and others use that.
        MissingServerError: a program is not installed.
    """
    if scenario.alone and (used := busy() if others is None else others) > IDLE:
        raise BusyError(f"it is about CPU, and {used:.0%} of this host's is in use by others")
    with tempfile.TemporaryDirectory(prefix="talk-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # servers of other users look into it
        stage = Stage(folder, pace)
        began, ours, all_ = time.monotonic(), _ours(), _all()
        scenario.play(stage)
    cores = (psutil.cpu_count() or 1) * (time.monotonic() - began)
    used = (_all() - all_ - _ours() + ours) / cores
    if scenario.alone and used > IDLE:
        raise BusyError(f"it is about CPU, and others used {used:.0%} of this host's meanwhile")
    timeline = stage.timeline
    return timeline, judged(
        scenario, {each.name: timeline.window(each) for each in timeline.phases}
    )
