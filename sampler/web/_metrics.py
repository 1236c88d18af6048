"""What the sampler ``http.server`` publishes: names and units as OpenTelemetry has them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NAME = "http.server"
"""The sampler's name."""
METHOD, CLASS, ROUTE = "http.request.method", "http.response.status_class", "http.route"
"""Labels of requests; OpenTelemetry's but for the class of a status, such as ``2xx``."""
ERROR = "error.type"
"""The label of exceptions."""


def _metric(
    kind: str, unit: str, text: str, labels: tuple[str, ...] = (), merge: str = ""
) -> dict[str, Any]:
    described: dict[str, Any] = {"kind": kind, "unit": unit, "help": text, "labels": labels}
    return {**described, "merge": merge} if merge else described


METRICS = {
    "requests": _metric(
        "counter",
        "{request}",
        "Requests that have ended, by method, class of the status, and route.",
        (METHOD, CLASS, ROUTE),
    ),
    "request.duration": _metric(
        "histogram",
        "s",
        "From the call of the application to the last byte that it gave.",
        (ROUTE,),
    ),
    "queue.duration": _metric(
        "histogram", "s", "From the proxy's stamp to the call of the application."
    ),
    "active_requests": _metric("gauge", "{request}", "Requests in progress.", merge="sum"),
    "active_requests.max": _metric(
        "gauge", "{request}", "Most requests at once since the last pull.", merge="sum"
    ),
    "active_requests.oldest": _metric(
        "gauge", "s", "Age of the oldest request in progress.", merge="max"
    ),
    "busy.time": _metric(
        "counter",
        "s",
        "Seconds of all requests, those in progress included; its rate is how many there are at "
        "once on average.",
    ),
    "thread.cpu.time": _metric("counter", "s", "CPU seconds of the threads that serve requests."),
    "thread.count": _metric(
        "gauge", "{thread}", "Threads that have served requests and live.", merge="sum"
    ),
    "slow_requests": _metric(
        "counter", "{request}", "Requests that took longer than [web] slow, or do so already."
    ),
    "stale_requests": _metric(
        "counter", "{request}", "Requests that had waited longer than [web] stale when they began."
    ),
    "shed_requests": _metric(
        "counter", "{request}", "Requests answered with 503 at once, by [web] shed."
    ),
    "abandoned_requests": _metric(
        "counter", "{request}", "Requests whose client had left before it got all of the answer."
    ),
    "exceptions": _metric(
        "counter", "{exception}", "Exceptions that left the application, by class.", (ERROR,)
    ),
    "stamps.refused": _metric(
        "counter", "{stamp}", "Stamps that are no time, or came from a peer that is not trusted."
    ),
    "request.body.size": _metric(
        "histogram", "By", "Bytes that the application read of a request that has a body."
    ),
    "response.body.size": _metric("histogram", "By", "Bytes that the application gave."),
    "request.read.time": _metric(
        "counter", "s", "Seconds in which the application waited for bodies of requests."
    ),
    "response.write.time": _metric(
        "counter", "s", "Seconds in which the server wrote what the application gave."
    ),
    "first_request.duration": _metric(
        "gauge", "s", "How long the first request of the process took.", merge="max"
    ),
    "modules.loaded": _metric(
        "counter", "{module}", "Modules that were imported after the first request had begun."
    ),
    "unclosed_requests": _metric(
        "counter", "{request}", "Answers that the server never closed; they end when it shows."
    ),
}
"""The metrics' descriptions."""
