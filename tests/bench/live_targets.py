"""What is aimed at for the live page and ``sampler top``."""

from __future__ import annotations

from tests.bench.row import Row

LIVE = (
    *(
        Row(title, (f"live/{name}",), unit=unit, limit=limit, scaled=False)
        for title, name, unit, limit in (
            ("live page of 2,000 series at 10 s, pulls included, of a core", "percent", "%", 0.1),
            ("five viewers of it, of a core more", "five viewers, percent", "%", 0.5),
            ("live page: an hour of 2,000 series", "an hour, MiB", "MiB", 6),
            ("top: a search in 2,000 series", "search, ms", "ms", 100),
            ("top at 1 Hz, of a core", "top, percent", "%", 0.3),
        )
    ),
    *(
        Row(
            f"live page of 5,000 series: {title}",
            (f"page/{name}",),
            unit="ms",
            limit=limit,
            scaled=False,
        )
        for title, name, limit in (
            ("something is painted", "first paint, ms", 1000),
            ("the slowest search", "slowest search, ms", 100),
        )
    ),
    Row(
        "top: first screen of 2,000 series, until it is there",
        ("live/first screen/top",),
        unit="ms",
        limit=250,
        why="programs beside it took the processor: the CPU time is the next row",
        scaled=False,
    ),
    Row(
        "top: CPU time of the first screen of 2,000 series",
        ("live/first screen, CPU/top",),
        unit="ms",
        limit=250,
        scaled=False,
    ),
)
