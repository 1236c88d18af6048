"""The signals that several scenarios read, each as what it is to them."""

from __future__ import annotations

from examples.talk.frame.scenario import SEEN, Role, Signal


def waited(name: str = "clients", title: str = "answer, median", key: str = "waited") -> Signal:
    """Return how long clients waited for their answer."""
    return Signal(key, title, SEEN, lambda w: w.waited(name), "s")


def queue(role: Role) -> Signal:
    """Return how long requests waited from nginx's stamp to the application."""
    return Signal(
        "queue",
        "waiting for the application, mean",
        role,
        lambda w: w.each("http_server_queue_duration_seconds"),
        "s",
        "http.server.queue.duration",
    )


def busy(role: Role, threads: int) -> Signal:
    """Return how many threads were in the application, on average."""
    return Signal(
        "busy",
        f"threads at work, of {threads}",
        role,
        lambda w: w.rate("http_server_busy_time_seconds_total"),
        metric="http.server.busy.time",
        limit=threads,
    )


def application(role: Role) -> Signal:
    """Return how long requests were in the application, on average."""
    return Signal(
        "application",
        "in the application, mean",
        role,
        lambda w: w.each("http_server_request_duration_seconds"),
        "s",
        "http.server.request.duration",
    )


def oldest(role: Role) -> Signal:
    """Return the highest age of a request in progress."""
    return Signal(
        "oldest",
        "oldest in progress, most",
        role,
        lambda w: w.highest("http_server_active_requests_oldest_seconds"),
        "s",
        "http.server.active_requests.oldest",
    )


def accepted(role: Role) -> Signal:
    """Return how many requests threaded workers had accepted and not begun, at most."""
    return Signal(
        "accepted",
        "accepted and not begun, most",
        role,
        lambda w: w.highest("gunicorn_queue_length"),
        metric="gunicorn.queue.length",
    )


def backlog(role: Role) -> Signal:
    """Return how many connections waited in the kernel to be accepted, at most."""
    return Signal(
        "backlog",
        "in the kernel's backlog, most",
        role,
        lambda w: w.highest("listener_backlog_length"),
        metric="listener.backlog.length",
    )


def cpu(role: Role) -> Signal:
    """Return the CPU time of all workers, of one core."""
    return Signal(
        "cpu",
        "CPU of the workers, of a core",
        role,
        lambda w: w.rate("process_cpu_time_seconds_total"),
        "%",
        "process.cpu.time",
    )


def modules(role: Role) -> Signal:
    """Return how many modules all workers have imported since their first request began."""
    return Signal(
        "modules",
        "modules imported by requests",
        role,
        lambda w: w.last("http_server_modules_loaded_total"),
        metric="http.server.modules.loaded",
    )


def first(role: Role) -> Signal:
    """Return how long the first request of a worker took, the longest."""
    return Signal(
        "first",
        "first request of a worker, longest",
        role,
        lambda w: w.highest("http_server_first_request_duration_seconds"),
        "s",
        "http.server.first_request.duration",
    )


def nginx(state: str, role: Role) -> Signal:
    """Return how many connections nginx had in a state, at most; one asks for its status."""
    return Signal(
        f"nginx_{state}",
        f"nginx {state}, most",
        role,
        lambda w: w.highest("nginx_connection_current", state=state),
        metric="nginx.connection.count",
    )


def counted(
    key: str, title: str, role: Role, metric: str, unit: str = "", suffix: str = "_total"
) -> Signal:
    """Return by how much a counter has grown in a phase."""
    name = metric.replace(".", "_") + suffix
    return Signal(key, title, role, lambda w: w.increase(name), unit, metric)
