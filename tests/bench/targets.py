"""What is aimed at, in the order of the table."""

from __future__ import annotations

from tests.bench.bridge_targets import BRIDGES
from tests.bench.destination_targets import DESTINATIONS
from tests.bench.life_targets import LIFE
from tests.bench.live_targets import LIVE
from tests.bench.more_peers import RUST
from tests.bench.row import Row
from tests.bench.web_targets import WEB
from tests.bench.worker_targets import WORKERS


def _pull(operation: str, size: int, share: float, who: str = "ours") -> str:
    return f"pull/{operation}/{size}/{share:g}/{who}"


def _beyond(size: int, share: float) -> tuple[str, str]:
    return _pull("collect", size, share), _pull("collect", size, share, "samplers alone")


_ROUND = "handing the round to the guarded worker takes the same, however small it is"
_KEYWORDS = "a dictionary is made of the keywords, and a key of that; labels('buy') takes half"
_GAUGES = "the peers are handed values and pull nothing; most of it is repr of random floats"
_ANY_LABELS = "labels may come by keyword, too: Python makes a dictionary for those at each call"
_CHECKED = "ours checks what it is given, and counts exactly whatever threads do"
_ALL = "every value is written anew; most of that is repr of random floats, as it is for theirs"
_PICKLE = "a path, a time and a number are three parts to join; the pull is half of it"
_PACKED = "every value is checked, packed and measured anew, and three parts are joined"
_PULL = "the pull alone is half of it; what is left is a connection or a datagram, and joining"
_CACHES = "as few steps as for less series, but their objects are in no cache any more"

ROWS = (
    *(
        Row(
            title,
            (f"hot/{operation}/ours",),
            limit=70,
            peers=(f"hot/{operation}/",),
            ratio=2.5,
            why=_CHECKED,
        )
        for title, operation in (
            ("counter inc", "inc"),
            ("counter inc by 2.5", "inc by n"),
            ("inc of a bound child", "child inc"),
        )
    ),
    Row(
        "labels() and inc",
        ("hot/labels and inc/ours",),
        limit=250,
        peers=("hot/labels and inc/prometheus",),
        ratio=5,
    ),
    Row(
        "inc(route='buy')",
        ("hot/inc with labels/ours",),
        limit=250,
        peers=("hot/inc with labels/",),
        why=_KEYWORDS,
    ),
    *(
        Row(
            f"inc(route='buy'), / {who}",
            ("turns/inc with labels/ours",),
            peers=(f"turns/inc with labels/{who}",),
            ratio=times,
            why=_KEYWORDS,
        )
        for who, times in (("prometheus_client", 8), (RUST, 2))
    ),
    Row(
        "gauge set",
        ("hot/gauge set/ours",),
        limit=35,
        peers=("hot/gauge set/",),
        why=("the floor is a bare attribute; ours checks that it is a number"),
    ),
    Row(
        "histogram observe",
        ("hot/observe/ours",),
        limit=200,
        peers=("hot/observe/",),
        why="562 bounds by default: a bisect of ten steps; fixed bounds take less",
    ),
    Row(
        "timer",
        ("hot/timer/ours",),
        limit=600,
        peers=("hot/timer/",),
        why="two readings of the clock, two calls of the with statement, and observe",
    ),
    Row(
        "timer as decorator",
        ("hot/decorator/ours",),
        limit=320,
        peers=("hot/decorator/",),
        why="two readings of the clock, the call with any arguments, and observe",
    ),
    *(
        Row(
            f"{title}, / the least that does it",
            (f"turns/{operation}/ours",),
            peers=(f"turns/{operation}/floor",),
            ratio=1 / times,
            why=why,
        )
        for title, operation, times, why in (
            ("counter inc", "inc", 1.3, _CHECKED),
            ("labels() and inc", "labels and inc", 1.3, _ANY_LABELS),
            ("histogram observe", "observe", 1.3, _CHECKED),
            ("timer", "timer", 1.15, _CHECKED),
            ("timer as decorator", "decorator", 1.4, _CHECKED),
        )
    ),
    Row(
        "timer as decorator of a coroutine, / of a function",
        ("decorated/coroutine",),
        peers=("decorated/function",),
        ratio=1 / 1.3,
        why="a coroutine of ours runs around the other one",
    ),
    Row(
        "OpenMetrics page with exemplars, / without",
        ("decorated/page with exemplars",),
        "ms",
        peers=("decorated/page",),
        ratio=1 / 1.2,
        why="each new exemplar is written, and the page is longer",
    ),
    Row(
        "8 threads, one counter",
        ("threads/ours/ns",),
        limit=110,
        peers=("threads/prometheus_client/ns",),
        why="one thread's inc, and the threads' changing places: nothing is locked",
    ),
    Row("8 threads: lost", ("threads/ours/lost",), unit="", limit=0),
    *(
        Row(
            f"collect beyond samplers, {size:,}, {share:.0%} change",
            _beyond(size, share),
            limit=300,
            why=_ROUND if size == 1_000 else _CACHES,
        )
        for size in (1_000, 10_000, 100_000)
        for share in (0.1, 1.0)
    ),
    *(
        Row(
            f"collect, {size:,}",
            (_pull("collect", size, 0.1),),
            peers=(_pull("collect", size, 0.1, ""),),
            ratio=8,
            why=_ROUND if size == 1_000 else _CACHES,
        )
        for size in (1_000, 10_000, 100_000)
    ),
    Row(
        "one of 10,000 series comes or goes, / none",
        (_pull("churn", 10_000, 1.0),),
        peers=(_pull("churn", 10_000, 0.0, "ours"),),
        ratio=1 / 1.3,
    ),
    *(
        row
        for operation, times in (("text", 9), ("openmetrics", 11))
        for size in (1_000, 10_000, 100_000)
        for row in (
            Row(
                f"{operation}, {size:,}, 10% change",
                (_pull(operation, size, 0.1),),
                limit=700,
                peers=(_pull(operation, size, 0.1, "prometheus"),),
                ratio=15,
                why=_ROUND if size == 1_000 else _CACHES,
            ),
            Row(
                f"{operation}, {size:,}, all change",
                (_pull(operation, size, 1.0),),
                peers=(_pull(operation, size, 1.0, "prometheus"),),
                ratio=times,
                why=_ALL,
            ),
        )
    ),
    Row(
        "text, 10,000, 10% change, / the fastest peer's",
        (_pull("text", 10_000, 0.1),),
        peers=(_pull("text", 10_000, 0.1, ""),),
    ),
    *(
        Row(
            f"Graphite lines over TCP, {size:,}, {share:.0%} change",
            (_pull("graphite", size, share),),
            limit=limit,
            peers=(_pull("graphite", size, share, "prometheus"),),
            ratio=times,
            why=why,
        )
        for size in (1_000, 10_000, 100_000)
        for share, limit, times, why in ((0.1, 750, 8, _PULL), (1.0, None, 7, _ALL))
    ),
    *(
        Row(
            f"Graphite pickle over TCP, {size:,}, 10% change",
            (_pull("pickle", size, 0.1),),
            limit=600,
            peers=(_pull("graphite", size, 0.1, "prometheus"),),
            ratio=8,
            why=_PICKLE,
        )
        for size in (1_000, 10_000)
    ),
    Row(
        "pickle alone, 10,000, all change, / a list and pickle.dumps",
        ("life/pickle alone/ours",),
        peers=("life/pickle alone/pickle.dumps",),
        ratio=1,
        why=_PACKED,
    ),
    *(
        Row(
            f"StatsD gauges over UDP, {size:,}, {share:.0%} change",
            (_pull("statsd gauges", size, share),),
            limit=limit,
            peers=(_pull("statsd gauges", size, share, ""),),
            ratio=1,
            why=why,
        )
        for size in (1_000, 10_000, 100_000)
        for share, limit, why in ((0.1, 900, _PULL), (1.0, None, _GAUGES))
    ),
    *DESTINATIONS,
    *LIFE,
    *WEB,
    *BRIDGES,
    *WORKERS,
    *LIVE,
    Row("idle counter", ("memory/ours/counter",), "B", 290, ("memory/prometheus_client/counter",)),
    Row(
        "idle histogram",
        ("memory/ours/histogram",),
        "B",
        550,
        ("memory/prometheus_client/histogram",),
        why="each child has a tuple of its bounds of its own, and a dictionary of its counts",
    ),
    Row(
        "background, Graphite agent, 10,000 at 1 s",
        ("background/ours, graphite agent/percent",),
        "%",
        1,
        ("background/prometheus_client, graphite/percent",),
        why="a pull, lines with a new time, and the start of differences",
    ),
    Row(
        "background, OpenMetrics page, 10,000 at 1 s",
        ("background/ours, openmetrics/percent",),
        "%",
        1,
        ("background/opentelemetry/percent", "background/prometheus_client, text/percent"),
    ),
    Row(
        "round of 100 samplers beside a busy thread",
        ("busy/ours/ms",),
        "ms",
        30,
        ("busy/a hand-off each/ms",),
        why="the lock is got back a switch interval of 5 ms later, at each of its turns",
    ),
    Row("nobody pulls: threads", ("silence/ours/threads",), "", 0),
    Row("nobody pulls: blocks left by 1000 inc", ("silence/ours/blocks",), "", 1),
    Row("import", ("import/ours/ms",), "ms", 6, ("import/",)),
    Row("import: modules", ("import/ours/modules",), "", 25),
)
