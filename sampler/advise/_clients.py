"""Clients who are slow, and clients who leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler.advise import _thresholds as at
from sampler.advise._statement import Number, Statement, undecided

if TYPE_CHECKING:
    from sampler.advise._guards import Case

SLOW, GAVE_UP = "slow clients", "clients who left"
_HTTP = "http.server"


def slow_clients(case: Case) -> Statement:
    """Say whether clients that send or read slowly hold threads."""
    window, load = case.window, case.load
    if case.void is not None:
        return undecided(SLOW, case.void.text, case.void.decides, case.void.numbers)
    heads = window.mean("nginx.connection.count", state="reading")
    if heads is not None and heads >= at.HEADS:
        number = Number("heads under way", heads, "{connection}", ("nginx.connection.count",))
        text = "clients send their heads slowly; nginx waits for them, and no worker does"
        return Statement(SLOW, "slow heads, at nginx", text, (number,))
    elapsed, busy = load["elapsed"], load["busy"]
    if load["read"] is None or load["written"] is None or not busy or busy * (elapsed or 0.0) < 1:
        return undecided(
            SLOW,
            "less than a second of requests was seen",
            "more load; slow heads are seen by a proxy only: the sampler nginx",
            load.numbers("busy", "elapsed"),
        )
    numbers = load.numbers("read", "written", "busy", "oldest")
    if case.host is not None:
        return undecided(SLOW, case.host.text, case.host.decides, (*numbers, *case.host.numbers))
    if case.slow_clients and case.cpu_bound is not False:
        return undecided(
            SLOW,
            "what writes may wait for the interpreter as well as for its client: a process uses "
            "a core up, or may",
            "the same load once no process does; a label for each process under a relay",
            (*numbers, *load.numbers("busiest", "mean_cpu")),
        )
    if case.slow_clients:
        return Statement(
            SLOW,
            "they hold threads",
            "a good part of the time of requests goes by while bodies come or answers are taken",
            numbers,
            remedy="a proxy in front that buffers both, such as nginx; see proxy_buffering",
        )
    text = "bodies come and answers go fast"
    if heads is None:
        text += "; whether heads do is a proxy's to tell"
    return Statement(SLOW, "none seen", text, numbers)


def gave_up(case: Case) -> Statement:
    """Say whether clients leave before they have their answers."""
    window, requests = case.window, case.load["requests"]
    for doubt in (case.void, case.few):
        if doubt is not None:
            return undecided(GAVE_UP, doubt.text, doubt.decides, doubt.numbers)
    left = window.rise(f"{_HTTP}.abandoned_requests")
    stale = window.rise(f"{_HTTP}.stale_requests")
    if left is None or requests is None:
        return undecided(GAVE_UP, "it is not counted who leaves", "the middleware")
    numbers = (
        Number("left", left, "{request}", (f"{_HTTP}.abandoned_requests",)),
        *case.load.numbers("requests"),
    )
    if stale is not None:
        numbers += (Number("late at the start", stale, "{request}", (f"{_HTTP}.stale_requests",)),)
    if left >= at.GAVE_UP * requests:
        return Statement(
            GAVE_UP,
            "they leave",
            "the server works on answers that nobody waits for",
            numbers,
            remedy="[web] shed, at the timeout of the clients: work for those who wait still",
        )
    return Statement(GAVE_UP, "none to speak of", "clients wait for their answers", numbers)
