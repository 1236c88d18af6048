"""What must be known before a verdict: each guard says what is missing, and what would decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from sampler.advise import _thresholds as at
from sampler.advise._load import Load, load_of

if TYPE_CHECKING:
    from sampler.advise._statement import Number
    from sampler.advise._window import Window


@attrs.frozen
class Doubt:
    """Why there is no verdict.

    Attributes:
        text: a sentence.
        decides: what would decide it.
        numbers: the figures that show it.
    """

    text: str
    decides: str
    numbers: tuple[Number, ...] = ()


@attrs.frozen
class Case:
    """A window with its figures and doubts.

    Attributes:
        window: what was scraped.
        load: its figures.
        void: why nothing can be said of what it counted; None: there is no such reason.
        few: too few requests for a mean.
        host: the host's CPUs are busy by others, or it is not known whether they are.
        stamp: requests' waiting is not known.
        steady: waiting grows or falls, or it is not known whether it does.
    """

    window: Window
    load: Load
    void: Doubt | None
    few: Doubt | None
    host: Doubt | None
    stamp: Doubt | None
    steady: Doubt | None

    @property
    def waits(self) -> bool:
        """Whether requests wait so long that it is an overload."""
        queue, service = self.load["queue"], self.load["service"]
        if self.stamp is not None or queue is None or service is None or queue < at.WAITING:
            return False
        return queue >= at.WAITING_LONG or queue >= at.WAITING_SHARE * service

    @property
    def cpu_bound(self) -> bool | None:
        """Whether a process uses a core up; None: it is not known of the busiest one."""
        busiest, mean, cpu = self.load["busiest"], self.load["mean_cpu"], self.load["cpu"]
        if busiest is not None or cpu is None:
            return None if busiest is None else busiest >= at.CORE_FULL
        if mean is not None and mean >= at.CORE_FULL:
            return True  # the busiest one uses that at least
        return False if cpu < at.CORE_FULL else None

    @property
    def slow_clients(self) -> bool:
        """Whether a good part of the time of requests goes by while clients send or take."""
        read, written, busy = self.load["read"], self.load["written"], self.load["busy"]
        if read is None or written is None or not busy:
            return False
        return read + written >= at.SLOW_CLIENTS * busy

    @property
    def served(self) -> bool:
        """Whether the threads that serve use at least half of the processes' CPU time."""
        thread_cpu, cpu = self.load["thread_cpu"], self.load["cpu"]
        return thread_cpu is None or cpu is None or thread_cpu >= at.SERVING * cpu


def case_of(window: Window) -> Case:
    """Return the figures of a window, and what stands against a verdict."""
    load = load_of(window)
    return Case(
        window,
        load,
        _void(window, load),
        _few(load),
        _host(load),
        _stamp(load),
        _steady(load),
    )


def _void(window: Window, load: Load) -> Doubt | None:
    if window.fault:
        return Doubt(window.fault, "two pages of a running server, some seconds apart")
    if load["elapsed"] is None:
        return Doubt(
            "the processes have reported nothing between the first page and the last",
            "a window of several of their intervals: --seconds N, or a shorter interval",
        )
    if window.resets:
        names = ", ".join(sorted(window.resets))
        return Doubt(
            f"these have fallen within the window, as after a restart: {names}",
            "a window without a restart",
        )
    return next(
        (
            Doubt(
                f"the numbers contradict each other: {text}",
                "pages of the same processes; see that nothing else has these metrics' names",
                load.numbers(*names),
            )
            for text, holds, names in _contradictions(load)
            if holds
        ),
        None,
    )


def _contradictions(load: Load) -> tuple[tuple[str, bool, tuple[str, ...]], ...]:
    """Return what cannot be; the margins are for readings of different moments."""
    return (
        (
            "more requests at once in the application than there are threads",
            _exceeds(load["busy"], load["threads"], 1.1, 0.2),
            ("busy", "threads"),
        ),
        (
            "serving threads use more CPU than their processes",
            _exceeds(load["thread_cpu"], load["cpu"], 1.1, 0.05),
            ("thread_cpu", "cpu"),
        ),
        (
            "the processes use more CPUs than the host has",
            _exceeds(load["cpu"], load["cpus"], 1.1, 0.1),
            ("cpu", "cpus"),
        ),
        (
            "the processes use more CPU than the host",
            _exceeds(load["cpu"], load["used"], 1.2, 0.3),
            ("cpu", "used"),
        ),
        (
            "more requests have waited than there were",
            (load["requests"] or 0) >= at.FEW_REQUESTS
            and _exceeds(load["stamped"], 1.0, 1.0, 0.0)
            and _exceeds(
                (load["stamped"] or 0) * (load["requests"] or 0),
                (load["requests"] or 0) + (load["busy"] or 0),
                1.1,
                10,
            ),
            ("stamped", "requests"),
        ),
    )


def _exceeds(one: float | None, other: float | None, factor: float, margin: float) -> bool:
    return one is not None and other is not None and one > factor * other + margin


def _few(load: Load) -> Doubt | None:
    requests = load["requests"]
    if requests is None:
        return Doubt(
            "the pages do not tell of requests",
            "the middleware around the application: 'sampler run -- COMMAND', or sampler.web; "
            "http.server among [samplers] enable, if that is set",
        )
    if requests < at.FEW_REQUESTS or not load["service"]:
        return Doubt(
            f"{requests:g} requests are too few: {at.FEW_REQUESTS} are needed for a mean",
            "a longer window (--seconds N), or more load",
            load.numbers("requests"),
        )
    return None


def _host(load: Load) -> Doubt | None:
    used, cpus, others = load["used"], load["cpus"], load["others"]
    if used is None or cpus is None or others is None:
        return Doubt(
            "it is not known how busy the host's CPUs are, or what its processes use",
            "the samplers system and process on the page, or this command on the same host",
        )
    numbers = load.numbers("cpus", "used", "cpu", "others", "throttled")
    if used >= at.HOST_FULL * cpus and others >= at.OTHERS * cpus:
        return Doubt(
            "the host's CPUs are busy, and others use a part of them: what waits for a CPU looks "
            "like what waits for something else",
            "the same load on a host of its own, or while the others rest",
            numbers,
        )
    throttled, elapsed = load["throttled"], load["elapsed"]
    if throttled and elapsed and throttled >= at.THROTTLED * elapsed:
        return Doubt(
            "the control group's CPU limit stops the processes again and again",
            "the same load with a higher limit",
            load.numbers("throttled", "elapsed", "limit", "cpu"),
        )
    return None


def _stamp(load: Load) -> Doubt | None:
    stamped = load["stamped"]
    if load["queue"] is not None and stamped is not None and stamped >= at.STAMPED:
        return None
    return Doubt(
        "without a proxy's stamp it is not known how long requests wait before the application",
        "a proxy that sets X-Request-Start (docs/web.md has the line)",
        load.numbers("stamped", "requests"),
    )


def _steady(load: Load) -> Doubt | None:
    earlier, later, elapsed = load["earlier"], load["later"], load["elapsed"]
    if earlier is None or later is None or not elapsed:
        return Doubt(
            "it is not known whether the waiting grows",
            "a window with requests and reports in both of its halves: --seconds N",
            load.numbers("earlier", "later"),
        )
    low, high = sorted((earlier, later))
    slope = (high - low) / (elapsed / 2)
    if high < at.WAITING or slope < at.GROWTH or high < at.GROWTH_RATIO * low:
        return None
    moves = "grows: more comes than is served" if later > earlier else "falls"
    return Doubt(
        f"the waiting {moves}",
        "a window in which it stays the same",
        load.numbers("earlier", "later", "elapsed"),
    )
