"""Whether requests compute or wait, and whether the interpreter is what they wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler.advise import _thresholds as at
from sampler.advise._load import ratio
from sampler.advise._statement import Number, Statement, undecided

if TYPE_CHECKING:
    from sampler.advise._guards import Case

CPU, INTERPRETER = "CPU or waiting", "interpreter (GIL)"
_FIGURES = ("busiest", "mean_cpu", "cpu", "processes", "thread_cpu", "busy", "share")


def cpu(case: Case) -> Statement:
    """Say whether the server is CPU-bound or I/O-bound."""
    load, share = case.load, case.load["share"]
    numbers = load.numbers(*_FIGURES)
    if case.void is not None:
        return undecided(CPU, case.void.text, case.void.decides, case.void.numbers)
    if case.cpu_bound and not case.served:
        return Statement(
            CPU,
            "CPU-bound, by threads that serve no request",
            "a process uses a core up, and less than half of it is the serving threads'",
            numbers,
            remedy="look at what else the process does: a profile of it",
        )
    if case.cpu_bound:
        return Statement(
            CPU,
            "CPU-bound",
            "a process uses a core up; how busy its threads are says little then",
            numbers,
            remedy="more processes while the host has CPUs left, or less CPU for a request",
        )
    for doubt in (case.few, case.host):
        if doubt is not None:
            return undecided(CPU, doubt.text, doubt.decides, doubt.numbers)
    if case.cpu_bound is None or share is None:
        return undecided(
            CPU,
            "the CPU time of the busiest process, or of the threads that serve, is not known",
            "the sampler process, the middleware, and under a relay a label for each process: "
            '[labels] worker = "{instance}"',
            numbers,
        )
    if share >= at.COMPUTES:
        return Statement(
            CPU, "requests compute", "most of their time is CPU time; no core is used up", numbers
        )
    alone = load["busiest"] if load["busiest"] is not None else load["cpu"]
    if share <= at.WAITS and (alone or 0.0) < at.CORE_IDLE:
        return Statement(
            CPU,
            "I/O-bound",
            "requests spend most of their time waiting, and no process uses a core up",
            numbers,
        )
    return Statement(
        CPU, "both", "requests compute for a part of their time, and wait for the rest", numbers
    )


def interpreter(case: Case) -> Statement:
    """Say whether threads wait for the interpreter."""
    load, window = case.load, case.window
    if case.void is not None:
        return undecided(INTERPRETER, case.void.text, case.void.decides, case.void.numbers)
    numbers = load.numbers("busiest", "mean_cpu", "cpu", "threads", "processes", "delay")
    told = ratio(window.rise("granian.gil.wait.time"), window.rise("granian.busy.time"))
    if told is not None and case.few is None:
        sources = ("granian.gil.wait.time", "granian.busy.time")
        numbers = (Number("waiting for Python to working", told, "1", sources), *numbers)
        limits = told >= at.WAITS
        return Statement(
            INTERPRETER,
            "is a limit" if limits else "is no limit",
            f"granian's threads wait for it {'long' if limits else 'little'}",
            numbers,
            remedy="more processes, fewer threads" if limits else "",
        )
    threads, processes = load["threads"], load["processes"]
    several = threads is not None and processes is not None and threads > processes
    most = load["busiest"] if load["busiest"] is not None else load["mean_cpu"]
    if case.cpu_bound and most is not None and several:
        if most > 1.1:
            text = "a process uses more than one core: it has threads that run at once"
            return Statement(INTERPRETER, "is no limit", text, numbers)
        return Statement(
            INTERPRETER,
            "is a limit",
            "a process uses its one core up, and its threads take turns: more threads would make "
            "it worse",
            numbers,
            remedy="more processes, not more threads",
        )
    if case.host is not None:
        return undecided(INTERPRETER, case.host.text, case.host.decides, case.host.numbers)
    known = load["busiest"] if load["busiest"] is not None else load["cpu"]
    delay = load["delay"]
    if known is None or delay is None or known >= at.CORE_IDLE:
        return undecided(
            INTERPRETER,
            "no core is used up, and it is not known, or not enough to say, that threads which "
            "wake do not wait for it",
            "the sampler cpython (cpython.wakeup.delay), or a profile of the process",
            numbers,
        )
    if delay >= at.WAKEUP:
        return Statement(
            INTERPRETER,
            "is a limit",
            "threads that wake wait long, and no process uses half of a core: something keeps it "
            "while it waits, such as an extension",
            numbers,
            remedy="find it with a profile; more processes, not more threads",
        )
    return Statement(
        INTERPRETER,
        "is no limit",
        "no process uses half of a core, and threads wake soon",
        numbers,
    )
