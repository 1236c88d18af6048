"""How many processes and threads, and why."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs

from sampler._runtime.printable import counted
from sampler.advise import _thresholds as at
from sampler.advise._guards import Doubt
from sampler.advise._queues import full_pool
from sampler.advise._statement import Number, Statement, undecided

if TYPE_CHECKING:
    from sampler.advise._guards import Case
    from sampler.advise._load import Load

ABOUT = "processes and threads"
_WHY = ("load", "busy", "rate", "queue", "service", "utilisation", "threads", "processes")
_CPU = ("each", "cpu", "cpus", "used")


@attrs.frozen
class Plan:
    """Processes and threads for a load.

    Attributes:
        processes: how many.
        threads: of each; 0: the server has an event loop, or does not tell.
        demand: CPUs that the load needs at least, once nothing waits.
        room: CPUs that there are for it.
        host: metrics that the room comes from.
    """

    processes: int
    threads: int
    demand: float
    room: float
    host: tuple[str, ...]

    @property
    def fills_the_host(self) -> bool:
        """Whether the host is full with it."""
        return self.demand >= at.HOST_FULL * self.room

    @property
    def numbers(self) -> tuple[Number, ...]:
        """What the plan rests on, beside the figures of the load."""
        sources = ("http.server.busy.time", "http.server.requests", "http.server.queue.duration")
        return (
            Number("CPUs that it needs", self.demand, "{cpu}", (*sources, "process.cpu.time")),
            Number(
                "CPUs that there are for it", self.room, "{cpu}", (*self.host, "process.cpu.time")
            ),
        )


def threads_for(load: float) -> int:
    """Return the threads for so many requests at once, those that wait included.

    At three quarters they are busy on average, and two standard deviations of a Poisson
    distribution above the mean are rarely too few.
    """
    return max(1, math.ceil(max(load / at.THREADS_FULL, load + 2 * math.sqrt(load)) - 1e-9))


def processes_for(rate: float, each: float) -> int:
    """Return the processes for so many requests a second.

    Args:
        rate: requests a second.
        each: CPU seconds of one.
    """
    # What rounding adds to a whole number is no further process.
    return max(1, math.ceil(rate * each / at.CORE_FULL - 1e-9))


def capacity(case: Case) -> Statement:
    """Say how many processes and threads the load needs."""
    load = case.load
    for doubt in (case.void, case.few, case.host):
        if doubt is not None:
            return undecided(ABOUT, doubt.text, doubt.decides, doubt.numbers)
    if case.stamp is not None:
        return undecided(
            ABOUT,
            case.stamp.text,
            case.stamp.decides,
            (*case.stamp.numbers, *load.numbers("busy", "threads", "utilisation", "busiest")),
        )
    if not load.relayed and (load.workers or 1) > 1:
        return undecided(
            ABOUT,
            f"the page is of one process, and the server has {load.workers}",
            "a page of all: 'sampler run -- COMMAND', or a relay",
        )
    if not case.waits:
        return _enough(case)
    if case.steady is not None:
        return undecided(ABOUT, case.steady.text, case.steady.decides, case.steady.numbers)
    return _more(case)


def _enough(case: Case) -> Statement:
    load = case.load
    utilisation = load["utilisation"]
    full = utilisation is not None and utilisation >= at.THREADS_FULL
    text = "requests do not wait for them, or hardly"
    return Statement(
        ABOUT,
        "enough, nearly all in use" if full else "enough",
        f"{text}; little more load, and they do" if full else text,
        load.numbers(*_WHY, "busiest", *_CPU),
    )


def _more(case: Case) -> Statement:
    load = case.load
    numbers = load.numbers(*_WHY, "busiest", "mean_cpu", *_CPU)
    bound = bool(case.cpu_bound)
    doubt = _doubt(case)
    if doubt is not None:
        return undecided(ABOUT, doubt.text, doubt.decides, (*doubt.numbers, *numbers))
    plan = plan_for(load, bound=bound)
    if plan is None:
        return undecided(
            ABOUT,
            "the CPU time of requests is not known",
            "the sampler process on the page",
            numbers,
        )
    now = round(load["processes"] or 1)
    each_now = max(1, round((load["threads"] or 0) / now))
    numbers = (*numbers, *plan.numbers)
    if plan.processes > now or plan.threads > each_now:
        return _planned(plan, bound=bound, numbers=numbers, now=(now, each_now))
    if (load["cpu"] or 0.0) < at.HOST_FULL * plan.room:
        return undecided(
            ABOUT,
            "a process uses a core up, and all together do not use what they might: they are not "
            "equally loaded",
            "who gives requests to processes, and whether it does so evenly",
            numbers,
        )
    return Statement(
        ABOUT,
        "the host is full",
        f"{counted(now, 'process', 'processes')} use what there is of its CPUs: more of them, "
        "or of threads, would not help",
        numbers,
        remedy="less CPU for a request, or more CPUs",
    )


def _doubt(case: Case) -> Doubt | None:
    """Return why no plan is made though requests wait; or None."""
    load, bound, utilisation = case.load, case.cpu_bound, case.load["utilisation"]
    if bound is None:
        return Doubt(
            "the relay adds CPU up: the busiest process may use a core up, or none may",
            'each process with a label of its own: [labels] worker = "{instance}" in the file of '
            "the relay",
        )
    if bound:
        return (
            None
            if case.served
            else Doubt(
                "a process uses a core up, and not for requests",
                "the same load without what else it does",
            )
        )
    if utilisation is None:
        return Doubt(
            "requests wait, no core is used up, and no server tells how many threads there are",
            "the sampler of the server (docs/servers-samplers.md); an event loop has none to "
            "count: then look at what requests wait for",
        )
    if utilisation < at.THREADS_FULL:
        return Doubt(
            "requests wait while threads are free and no process uses a core up",
            "where they wait: the backlog, the proxy's connections, bursts shorter than the "
            "window, or the proxy's clock",
        )
    if case.slow_clients:
        return Doubt(
            "clients that send or take slowly hold threads: more of them would be held, too",
            "a proxy in front that buffers, and then the same load",
            load.numbers("read", "written", "busy"),
        )
    if (load["delay"] or 0.0) >= at.WAKEUP:
        return Doubt(
            "threads that wake wait long, and no core is used up: they may wait for the "
            "interpreter, as where an extension keeps it while it waits",
            "more processes with as many threads in all, and the same load",
            load.numbers("delay"),
        )
    pool = full_pool(case)
    return (
        None
        if pool is None
        else Doubt(
            f"requests wait {pool.verdict}: more threads would wait there",
            pool.remedy,
            pool.numbers,
        )
    )


def _planned(
    plan: Plan, *, bound: bool, numbers: tuple[Number, ...], now: tuple[int, int]
) -> Statement:
    wanted = counted(plan.processes, "process", "processes")
    gunicorn = f"gunicorn's --workers {plan.processes}"
    if plan.threads:
        wanted += f" with {counted(plan.threads, 'thread')}" + " each" * (plan.processes > 1)
        gunicorn += f" --threads {plan.threads} (--worker-class gthread)"
    why = (
        "a process uses its core up while requests wait"
        if bound
        else "all threads are in use while requests wait, and more help if what requests wait "
        "for, such as a database, bears more at once"
    )
    before = f"there are {now[0]} with {now[1]} each" if plan.threads else f"there are {now[0]}"
    full = (
        "; the host is full then, if clients ask again as soon as they have an answer: what waits "
        "then needs more CPUs"
    ) * plan.fills_the_host
    count = "; how many threads is not decided while a core is used up, so they are left" * (
        bound and plan.threads > 0
    )
    return Statement(
        ABOUT,
        wanted,
        f"{why}; {before}{count}{full}",
        numbers,
        remedy=f"run {wanted}: {gunicorn}",
    )


def plan_for(load: Load, *, bound: bool) -> Plan | None:
    """Return processes and threads for a load that waits; None where a figure is not known.

    Args:
        load: its figures.
        bound: a process uses a core up: threads are left as they are.
    """
    at_once, service, each = load["load"], load["service"], load["each"]
    cpu, used, cpus, threads = load["cpu"], load["used"], load["cpus"], load["threads"]
    if at_once is None or not service or each is None or cpu is None:
        return None
    if used is None or cpus is None or (threads is None and not bound):
        return None
    now = round(load["processes"] or 1)
    # Once nothing waits, clients that wait for answers send so many a second.
    demand = each * at_once / service
    room = min(cpus - max(0.0, used - cpu), load["limit"] or cpus)
    most = max(1, round(room))
    processes = min(max(now, processes_for(at_once / service, each)), max(now, most))
    total = threads or 0.0 if bound else threads_for(at_once)
    host = load.metrics.get("used", ("system.cpu.time", "system.cpu.logical.count"))
    return Plan(processes, math.ceil(total / processes), demand, room, host)
