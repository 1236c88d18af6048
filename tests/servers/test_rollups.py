"""What carbon's coarser archives have of a job and of a service, with the files of the pages."""

from __future__ import annotations

import socket
import sys
import time
from typing import TYPE_CHECKING

from tests.examples.pages import ROOT, blocks
from tests.support.command import sampler
from tests.support.ports import HOST
from tests.support.servers import Carbon
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Launch

STEP = 10
"""Seconds of the second archive; the first has ten points in it."""
RETENTION = f"1s:5m,{STEP}s:1h"
LONG = """
import time
import sampler
rows = sampler.Instruments("long").counter("rows")
files = sampler.Instruments("backup").counter("files")
rows.inc(5), files.inc(5)
time.sleep(2.5)
rows.inc(8), files.inc(8)
"""
"""A job of several intervals."""


def aggregation(page: str) -> str:
    """Return the storage-aggregation.conf of a page, whose parts say which goes first."""
    found = [text for language, text in blocks(ROOT / page) if language == "ini"]
    parts = [text for text in found if text.startswith("; storage-aggregation.conf")]
    return "\n".join(sorted(parts, key=lambda text: ": first\n" not in text))


def test_a_run_is_in_the_archives_behind_the_finest(launch: Launch, tmp_path: Path) -> None:
    """Its last total, the sum of its increases, and what has one point; by carbon's rules not."""
    carbon = launch(Carbon, retention=RETENTION, aggregation=aggregation("docs/jobs.md"))
    there = f'type = "graphite"\nhost = "{HOST}"\nport = {carbon.line_port}\n'
    (tmp_path / "sampler.toml").write_text(
        "interval = 0.5\n"
        f'[adapters.totals]\n{there}prefix = "jobs.totals"\n'
        f'[adapters.end]\n{there}prefix = "jobs.end"\ninterval = 86400\n'
        f'[adapters.deltas]\n{there}prefix = "jobs.deltas"\ncounters = "deltas"\ninterval = 1\n'
        f'[adapters.default]\n{there}prefix = "default"\n'
    )
    (tmp_path / "long.py").write_text(LONG)
    done = sampler("job", "--", sys.executable, "long.py", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    for prefix in ("jobs.totals", "jobs.end", "jobs.deltas", "default"):
        wait_for(lambda prefix=prefix: carbon.series(f"{prefix}.job.duration"), what=prefix)
    totals, end = "jobs.totals.long.rows", "jobs.end.long.rows"
    increases = "jobs.deltas.backup.files"
    wait_for(lambda: [*carbon.series(totals).values()][-1:] == [13], what="the last total")
    assert 5 in carbon.series(totals).values()
    assert [*carbon.series(totals, 1).values()][-1] == 13
    wait_for(lambda: [*carbon.series(end).values()] == [13], what="the total at the end alone")
    assert [*carbon.series(end, 1).values()] == [13]
    wait_for(lambda: sum(carbon.series(increases).values()) == 13, what="all increases")
    assert {5, 8} <= set(carbon.series(increases).values())
    assert sum(carbon.series(increases, 1).values()) == 13
    assert len(carbon.series("jobs.totals.job.duration", 1)) == 1
    assert carbon.series("default.job.duration", 1) == {}


def test_a_services_total_is_what_it_was_at_the_end_of_a_coarser_interval(launch: Launch) -> None:
    """Also where points are few; by carbon's rules there is nothing."""
    rules = aggregation("docs/operators/adapters.md")
    carbon = launch(Carbon, retention=RETENTION, aggregation=rules)
    began = int(time.time()) // STEP * STEP - 3 * STEP
    paths = "shop.h.1.shop.orders", "other.h.1.shop.orders"
    with socket.create_connection((HOST, carbon.line_port), timeout=30) as sender:
        for path in paths:
            lines = f"{path} 100 {began + 1}\n{path} 170 {began + 7}\n"
            sender.sendall(lines.encode())
    for path in paths:
        wait_for(lambda path=path: len(carbon.series(path)) == 2, what=path)
    assert carbon.series(paths[0], 1) == {began: 170}
    assert carbon.series(paths[1], 1) == {}
