"""What is aimed at where many processes of a host report to a relay."""

from __future__ import annotations

from tests.bench.row import Row

_THREADS = (
    "three threads wake for a report, one of them to wait until the relay has it, and find their "
    "code and data in no cache; the least that does it takes a fifth of this"
)
_CELLS = "observations in buckets that are new are added up one by one"
_OBJECTS = "a count beyond 256 is an object of its own in Python: 8 % once, then it is flat"
_FIRST = "buckets are met for the first time, fewer each time"
_TWICE = (
    "a bad file ends it before the command starts, so the command waits for the relay's imports: "
    "those of `sampler run`, msgspec, and one more interpreter"
)

WORKERS = (
    Row(
        "increment in a worker of many",
        ("workers/ours/inc ns",),
        peers=("workers/prometheus_client/inc ns",),
        ratio=5,
    ),
    Row(
        "report of a worker, 1,000 series, / its pull",
        ("workers/ours/report",),
        unit="ms",
        peers=("workers/ours/pull",),
        ratio=4,
        why="each value is written twice: for the relay, and for the next difference",
    ),
    Row(
        "report of a worker that sends, 1,000 series, / its pull",
        ("workers, sending/report",),
        unit="ms",
        peers=("workers, sending/pull",),
        ratio=4,
        why=_THREADS,
    ),
    Row(
        "the same, / the least that does it",
        ("workers, sending/report",),
        unit="ms",
        peers=("workers, sending/least",),
    ),
    Row(
        "increment in a worker of many, / OpenTelemetry's",
        ("workers/ours/inc ns",),
        peers=("workers/opentelemetry/inc ns",),
    ),
    Row(
        "page of 8 workers of gunicorn, 1,000 series each, all processes",
        ("gunicorn/ours/page ms",),
        unit="ms",
        peers=("gunicorn/prometheus_client/page ms",),
        ratio=4,
    ),
    Row(
        "page of 8 workers of 1,000",
        ("workers/ours/page of 8",),
        unit="ms",
        peers=("workers/prometheus_client/page of 8",),
        ratio=4,
    ),
    Row(
        "page of 8 workers of 1,000, / 8 pages of OpenTelemetry's, without totals",
        ("workers/ours/page of 8",),
        unit="ms",
        peers=("workers/opentelemetry/8 pages",),
    ),
    Row(
        "page of 200 workers of 1,000, / of 8",
        ("workers/ours/page of 200",),
        unit="ms",
        peers=("workers/ours/page of 8",),
        ratio=1 / 6,
    ),
    Row(
        "relay of 200 workers of 1,000 every 10 s, of a core",
        ("workers/ours/% of a core",),
        unit="%",
        limit=5,
        scaled=False,
    ),
    *(
        row
        for who, title, why, grows in (
            ("ours", "ten buckets", "", _OBJECTS),
            ("ours, exponential", "exponential buckets", _CELLS, f"{_FIRST}; {_OBJECTS}"),
        )
        for row in (
            Row(
                f"relay of 200 processes for five minutes, {title}",
                (f"crowd/{who}/% of a core",),
                "%",
                5,
                why=why,
                scaled=False,
            ),
            Row(f"{title}: snapshots lost", (f"crowd/{who}/entries lost",), "", 0),
            Row(
                f"{title}: lost of those killed, beyond an interval",
                (f"crowd/{who}/counted, beyond an interval",),
                "",
                0,
            ),
            Row(
                f"{title}: growth of its memory",
                (f"crowd/{who}/memory growth",),
                "%",
                2,
                why=grows,
            ),
            Row(f"{title}: files left by 100 deaths", (f"crowd/{who}/left by deaths",), "", 0),
        )
    ),
    Row(
        "start that `sampler run --` adds, / of `sampler run`",
        ("workers, started/added start",),
        unit="ms",
        peers=("workers, started/own start",),
        ratio=1,
        why=_TWICE,
    ),
    Row(
        "request under `sampler run --no-wrap --`, / without",
        ("workers, started/request with us",),
        unit="µs",
        peers=("workers, started/request",),
        ratio=1 / 1.02,
        why="the agent's threads run beside it",
    ),
)
