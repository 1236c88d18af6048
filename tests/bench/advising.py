"""Advice on a window of 200 processes: five readings of a page that tells them apart.

The page is one process's real one, of an application that serves and of samplers that are built
in, with each line 200 times: for each process with a label of its own. The peer is the parser of
``prometheus_client``, which reads the same five pages and says nothing of them.
"""

from __future__ import annotations

import resource
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

PROCESSES, READINGS = 200, 5


def advising() -> dict[str, float]:
    """Milliseconds of CPU of both, at their fastest, how often ours waits, and bytes of a page.

    What never gives up the processor by itself takes as long by the clock of an idle machine.
    """
    from prometheus_client.parser import text_string_to_metric_families

    from sampler.advise import Host, advise, read_page

    pages = [_page(reading) for reading in range(READINGS)]

    def ours() -> Any:
        hosts = [Host(500.0 + 5 * n, 900.0 + n, 2) for n in range(READINGS)]
        return advise(
            [
                read_page(page, at=50.0 + 2 * n, time=1e9 + 2 * n, host=hosts[n])
                for n, page in enumerate(pages)
            ]
        )

    def peer() -> Any:
        return [sum(1 for _ in text_string_to_metric_families(page)) for page in pages]

    found: dict[str, float] = {"bytes": float(len(pages[0]))}
    for name, call, rounds in (("ours", ours, 7), ("prometheus_client", peer, 2)):
        cpu, waits = zip(*[_timed(call) for _ in range(rounds)], strict=True)
        found |= {f"{name}/cpu": min(cpu), f"{name}/waits": min(waits)}
    return found


def _timed(call: Callable[[], Any]) -> tuple[float, float]:
    waited, used = _waits(), time.process_time()
    call()
    return (time.process_time() - used) * 1e3, _waits() - waited


def _waits() -> float:
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw)


def _page(reading: int) -> str:
    """Return what all processes have told by one reading."""
    lines = []
    for line in _one().splitlines():
        if line.startswith("#"):
            lines.append(line)
            continue
        series, _, value = line.rpartition(" ")
        name, _, labels = series.rstrip("}").partition("{")
        own = f",{labels}" if labels else ""
        lines += [
            f'{name}{{worker="{n}"{own}}} {float(value) * (1 + n / 1000) + reading!r}'
            for n in range(PROCESSES)
        ]
    return "\n".join(lines) + "\n"


def _one() -> str:
    """Return the page of one process that has served."""
    import sampler
    from sampler.samplers import process
    from sampler.web import WSGI
    from sampler_prometheus import WSGIApp
    from tests.web.rig import ask, environ, stamp

    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response("404 Not Found" if environ["PATH_INFO"] == "/no" else "200 OK", [])
        return [b"ok"]

    registry = sampler.Registry()
    registry.register(process.SAMPLER)
    served = WSGI(application, registry=registry)
    for n in range(400):
        ask(served, HTTP_X_REQUEST_START=stamp(n / 100), PATH_INFO="/no" if n % 7 else "/")
    body = WSGIApp(registry)(environ(), lambda *_: None)
    return b"".join(body).decode()
