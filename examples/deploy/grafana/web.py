"""The dashboard of a web application: what ``sampler.web`` measures."""

from __future__ import annotations

from examples.deploy.grafana.panels import (
    Page,
    Panel,
    Row,
    by_label,
    growth,
    highest,
    highest_of,
    named,
    of,
    paths,
    per_second,
    quantile,
    quantiles,
    rate,
    share,
)

_H, _P = "http_server", "http.server"
_REQUESTS = f"{_H}_requests_total"
_FAILED = rate(_REQUESTS, 'http_response_status_class="5xx"')
_BUSY, _THREADS = rate(f"{_H}_busy_time_seconds_total"), of(f"{_H}_thread_current")
_P_BUSY, _P_THREADS = per_second(f"{_P}.busy.time"), paths(f"{_P}.thread.count")
# Of labels in a path each is a segment, and a route is not always known.
_ALL = (f"{_P}.requests.*.*", f"{_P}.requests.*.*.*")
_5XX = tuple(path.replace("*.*", "*.http__response__status_class-5xx", 1) for path in _ALL)
_CLASS, _ROUTE = 7, 8
"""Nodes of a path: of ``requests`` the class, of ``request.duration`` the route."""
_KINDS = ("slow", "stale", "abandoned", "shed")
_P_SLOWEST = f"highestAverage({paths(f'{_P}.request.duration.p95.http__route-*')},8)"
_P_EXCEPTIONS = paths(f"{_P}.exceptions.*")
_BY_ROUTE = quantile(0.95, f"{_H}_request_duration_seconds", "http_route")


WEB = Page(
    "web",
    "sampler: web application",
    "What the middleware sampler.web measures: requests, waiting, threads, clients.",
    _REQUESTS,
    (
        Row(
            "Trouble",
            (
                Panel(
                    "Requests that fail",
                    "Share of answers 5xx, exceptions that left the application included.",
                    "percentunit",
                    ((f"sum({_FAILED}) / sum({rate(_REQUESTS)})", ""),),
                    (share(per_second(*_5XX), per_second(*_ALL), "5xx"),),
                    warn=0.01,
                    bad=0.05,
                ),
                Panel(
                    "Waiting for the application, p95",
                    "From the proxy's stamp to the call of the application. It rises first when "
                    "there are too few threads.",
                    "s",
                    ((quantile(0.95, f"{_H}_queue_duration_seconds"), ""),),
                    (highest_of(f"{_P}.queue.duration", "p95"),),
                    warn=0.5,
                    bad=2,
                ),
                Panel(
                    "Threads in use",
                    "Requests at once, on average, to the threads that serve. Near 100 % more "
                    "threads or processes are needed; sampler advise says how many.",
                    "percentunit",
                    ((f"sum({_BUSY}) / sum({_THREADS})", ""),),
                    (share(_P_BUSY, _P_THREADS, "in use"),),
                    warn=0.7,
                    bad=0.9,
                ),
                Panel(
                    "Oldest request",
                    "Age of the request that has been in progress for longest: what hangs.",
                    "s",
                    ((f"max({of(f'{_H}_active_requests_oldest_seconds')})", ""),),
                    (f"alias(maxSeries({paths(f'{_P}.active_requests.oldest')}),'oldest')",),
                    warn=10,
                    bad=60,
                ),
                Panel(
                    "Exceptions",
                    "Exceptions that left the application, in all of the time shown.",
                    "short",
                    ((f"sum(increase({of(f'{_H}_exceptions_total')}[$__range]))", ""),),
                    (growth(_P_EXCEPTIONS, "exceptions"),),
                    warn=1,
                    bad=100,
                    total=True,
                ),
                Panel(
                    "Work for nobody",
                    "Requests whose client had left, or waited too long, or was turned away.",
                    "reqps",
                    (
                        (
                            " + ".join(
                                f"sum({rate(f'{_H}_{kind}_requests_total')})"
                                for kind in _KINDS[1:]
                            ),
                            "",
                        ),
                    ),
                    (
                        named(
                            per_second(*(f"{_P}.{kind}_requests" for kind in _KINDS[1:])),
                            "for nobody",
                        ),
                    ),
                    warn=0.1,
                    bad=1,
                ),
            ),
            numbers=True,
        ),
        Row(
            "Load, and how long it takes",
            (
                Panel(
                    "Requests, by class of answer",
                    "How many end in a second.",
                    "reqps",
                    (
                        (
                            f"sum by (http_response_status_class) ({rate(_REQUESTS)})",
                            "{{http_response_status_class}}",
                        ),
                    ),
                    (by_label(per_second(*_ALL), _CLASS),),
                    stacked=True,
                ),
                Panel(
                    "Time of a request",
                    "From the call of the application to the last byte that it gave.",
                    "s",
                    quantiles(f"{_H}_request_duration_seconds"),
                    highest(f"{_P}.request.duration"),
                ),
                Panel(
                    "Waiting for the application",
                    "By a stamp of the proxy, X-Request-Start. While it rises and the time of a "
                    "request stays, threads are what lacks.",
                    "s",
                    quantiles(f"{_H}_queue_duration_seconds"),
                    highest(f"{_P}.queue.duration"),
                ),
                Panel(
                    "Requests at once",
                    "The most at a time, the average, and how many threads there are for them.",
                    "short",
                    (
                        (f"sum({of(f'{_H}_active_requests_max')})", "most"),
                        (f"sum({_BUSY})", "average"),
                        (f"sum({_THREADS})", "threads"),
                    ),
                    (
                        named(paths(f"{_P}.active_requests.max"), "most"),
                        named(_P_BUSY, "average"),
                        named(_P_THREADS, "threads"),
                    ),
                ),
                Panel(
                    "Computing, of the time of requests",
                    "Near 100 % requests compute, and processes help; near 0 they wait, and "
                    "threads help.",
                    "percentunit",
                    (
                        (
                            f"sum({rate(f'{_H}_thread_cpu_time_seconds_total')}) / sum({_BUSY})",
                            "computing",
                        ),
                    ),
                    (share(per_second(f"{_P}.thread.cpu.time"), _P_BUSY, "computing"),),
                ),
                Panel(
                    "Requests that are late or lost",
                    "Slow ones, those that had waited too long when they began (stale), those "
                    "whose client left (abandoned), and those answered 503 at once (shed).",
                    "reqps",
                    tuple((f"sum({rate(f'{_H}_{k}_requests_total')})", k) for k in _KINDS),
                    tuple(named(per_second(f"{_P}.{k}_requests"), k) for k in _KINDS),
                ),
            ),
        ),
        Row(
            "Where it goes",
            (
                Panel(
                    "Slowest routes, p95",
                    "The eight that take longest.",
                    "s",
                    ((f"topk(8, {_BY_ROUTE})", "{{http_route}}"),),
                    (f"aliasSub(aliasByNode({_P_SLOWEST},{_ROUTE}),'^http__route-','')",),
                ),
                Panel(
                    "Requests that wait for clients",
                    "At once, on average: for bodies to come, and for answers to be taken. With "
                    "a proxy in front that buffers, it is next to nothing.",
                    "short",
                    (
                        (f"sum({rate(f'{_H}_request_read_time_seconds_total')})", "to send"),
                        (f"sum({rate(f'{_H}_response_write_time_seconds_total')})", "to read"),
                    ),
                    (
                        named(per_second(f"{_P}.request.read.time"), "to send"),
                        named(per_second(f"{_P}.response.write.time"), "to read"),
                    ),
                ),
                Panel(
                    "Bodies",
                    "Bytes that the application has read and given, in a second.",
                    "Bps",
                    (
                        (f"sum({rate(f'{_H}_request_body_size_bytes_sum')})", "requests"),
                        (f"sum({rate(f'{_H}_response_body_size_bytes_sum')})", "answers"),
                    ),
                    (
                        named(per_second(f"{_P}.request.body.size.sum"), "requests"),
                        named(per_second(f"{_P}.response.body.size.sum"), "answers"),
                    ),
                ),
                Panel(
                    "First request of a process",
                    "What is imported and opened only when somebody asks: the longest.",
                    "s",
                    ((f"max({of(f'{_H}_first_request_duration_seconds')})", "longest"),),
                    (f"alias(maxSeries({paths(f'{_P}.first_request.duration')}),'longest')",),
                ),
            ),
        ),
    ),
)
