"""Where requests wait: by stamps, in the backlog, and from one tier to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler.advise import _thresholds as at
from sampler.advise._names import label_name
from sampler.advise._statement import Number, Statement, undecided

if TYPE_CHECKING:
    from sampler.advise._guards import Case

QUEUE, LONG, BACKLOG, FUNNEL = "queue", "long requests", "backlog", "funnel"
_QUEUES = ("gunicorn.queue.length", "granian.queue.length")


def queue(case: Case) -> Statement:
    """Say whether requests wait before the application has them."""
    load = case.load
    if case.void is not None:
        return undecided(QUEUE, case.void.text, case.void.decides, case.void.numbers)
    numbers = (*load.numbers("queue", "service", "rate", "earlier", "later"), *_in_server(case))
    for doubt in (case.few, case.stamp):
        if doubt is not None:
            return undecided(QUEUE, doubt.text, doubt.decides, (*doubt.numbers, *_in_server(case)))
    if not case.waits:
        return Statement(QUEUE, "none", "requests wait hardly, or not", numbers)
    earlier, later = load["earlier"], load["later"]
    unsteady = case.steady is not None and earlier is not None and later is not None
    moves = ("grows" if (later or 0.0) > (earlier or 0.0) else "falls") if unsteady else ""
    return Statement(
        QUEUE,
        f"requests wait, and it {moves}" if moves else "requests wait",
        "they come to the server and wait for their turn",
        numbers,
        remedy=f"see {'the next limit' if moves else 'processes and threads'}; [web] shed gives "
        "up those whose clients have gone",
    )


def _in_server(case: Case) -> tuple[Number, ...]:
    return tuple(
        Number("requests that wait in the server", mean, "{request}", (name,))
        for name in _QUEUES
        if (mean := case.window.mean(name)) is not None
    )


def long_requests(case: Case) -> Statement:
    """Say whether long requests hold the threads."""
    load = case.load
    oldest, service, utilisation = load["oldest"], load["service"], load["utilisation"]
    numbers = load.numbers("oldest", "service", "utilisation")
    for doubt in (case.void, case.few):
        if doubt is not None:
            return undecided(LONG, doubt.text, doubt.decides, doubt.numbers)
    slow = case.window.rise("http.server.slow_requests")
    if oldest is None or service is None or utilisation is None or slow is None:
        return undecided(
            LONG,
            "the age of the oldest request, or the number of threads, is not known",
            "the middleware, and the sampler of the server",
            numbers,
        )
    numbers = (
        Number("requests beyond [web] slow", slow, "{request}", ("http.server.slow_requests",)),
        *load.numbers("requests"),
        *numbers,
    )
    old = oldest >= max(at.LONG, at.LONG_RATIO * service)
    long = old or service >= at.LONG or slow >= at.SLOW * (load["requests"] or 0.0)
    if long and utilisation >= at.THREADS_FULL and case.slow_clients:
        return Statement(
            LONG,
            "hold the threads",
            "a good part of their time goes by while their clients send or take",
            (*numbers, *load.numbers("read", "written", "busy")),
            remedy="see slow clients",
        )
    if long and utilisation >= at.THREADS_FULL:
        return Statement(
            LONG,
            "hold the threads",
            "short requests wait until they end; how many there are is not said, for those that "
            "have ended are the short ones first",
            numbers,
            remedy="threads or processes of their own for them, or a queue of jobs",
        )
    text = "there are long ones, and threads are free" if long else "there are few long ones"
    return Statement(LONG, "hold no threads", text, numbers)


def backlog(case: Case) -> Statement:
    """Say whether connections wait to be accepted."""
    window, name = case.window, "listener.backlog"
    if case.void is not None:
        return undecided(BACKLOG, case.void.text, case.void.decides, case.void.numbers)
    length, limit = window.mean(f"{name}.length"), window.mean(f"{name}.limit")
    drops = window.rise("listener.drops")
    if length is None or not limit:
        return undecided(
            BACKLOG,
            "no listening socket is told of",
            "the sampler listener, in the workers",
        )
    numbers: tuple[Number, ...] = (
        Number("connections that wait", length, "{connection}", (f"{name}.length",)),
        Number("that may wait", limit, "{connection}", (f"{name}.limit",)),
    )
    if drops is not None:
        numbers += (Number("dropped", drops, "{connection}", ("listener.drops",)),)
    if drops:
        return Statement(
            BACKLOG,
            "overflows",
            "attempts to connect were dropped; their clients try again after a second, or leave",
            numbers,
            remedy="what the queue needs; a longer backlog makes it wait longer",
        )
    if length >= at.BACKLOG_FULL * limit:
        return Statement(BACKLOG, "fills", "it is half full, or more", numbers)
    if length >= 1:
        return Statement(
            BACKLOG,
            "connections wait",
            "they come faster than they are accepted, at least at times",
            numbers,
        )
    return Statement(
        BACKLOG,
        "empty",
        "that tells nothing of requests that the server has accepted and keeps waiting",
        numbers,
    )


def funnel(case: Case) -> Statement:
    """Say where a tier gives the next one more than it takes."""
    window, load = case.window, case.load
    if case.void is not None:
        return undecided(FUNNEL, case.void.text, case.void.decides, case.void.numbers)
    if (pool := full_pool(case)) is not None:
        return pool
    writing = window.mean("nginx.connection.count", state="writing")
    threads, utilisation = load["threads"], load["utilisation"]
    if writing is None or threads is None or utilisation is None:
        return undecided(
            FUNNEL,
            "there is nothing to compare: no tier in front with threads behind it",
            "the sampler nginx, and the sampler of the server",
        )
    front = max(0.0, writing - 1)  # the read of its status is one of them
    numbers = (
        Number("requests in nginx", front, "{connection}", ("nginx.connection.count",)),
        *load.numbers("threads", "utilisation"),
    )
    if front >= at.FUNNEL * threads and utilisation >= at.THREADS_FULL:
        return Statement(
            FUNNEL,
            "at the application's threads",
            "nginx has taken more requests than they can, and all of them are in use",
            numbers,
            remedy="see processes and threads",
        )
    if case.waits:
        return undecided(
            FUNNEL,
            "requests wait behind nginx while threads are free",
            "where they wait: CPU, the backlog, the proxy's connections",
            numbers,
        )
    return Statement(FUNNEL, "none", "each tier takes what the one before it gives", numbers)


def full_pool(case: Case) -> Statement | None:
    """Return the statement that a pool behind the threads is what requests wait for, or None."""
    window = case.window
    waiting = window.mean("pgbouncer.client.count", state="waiting")
    if waiting is not None and waiting >= 1:
        return Statement(
            FUNNEL,
            "at PgBouncer's pool",
            "clients wait for a connection of it to the database",
            (Number("clients that wait", waiting, "{connection}", ("pgbouncer.client.count",)),),
            remedy="a larger pool while the database has room, or shorter transactions",
        )
    state = {label_name("db.client.connection.state"): "used"}
    used = window.mean("sqlalchemy.connection.count", **state)
    kept = window.mean("sqlalchemy.connection.idle.max")
    if used is not None and kept and used >= kept:
        return Statement(
            FUNNEL,
            "at SQLAlchemy's pool, perhaps",
            "all connections that it keeps are in use, and it does not tell who waits for one",
            (
                Number("in use", used, "{connection}", ("sqlalchemy.connection.count",)),
                Number("kept", kept, "{connection}", ("sqlalchemy.connection.idle.max",)),
            ),
            remedy="a larger pool while the database has room, or connections returned sooner",
        )
    return None
