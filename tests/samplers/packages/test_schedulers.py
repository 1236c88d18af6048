"""APScheduler, beside what its jobs count themselves."""

from __future__ import annotations

import pytest

from tests.samplers.programs import run
from tests.wiring.rig import need

pytestmark = pytest.mark.server


def test_apscheduler_tells_what_became_of_runs(request: pytest.FixtureRequest) -> None:
    """Of schedulers made before and after the sampler: run, failed, missed, left out."""
    need(request, "apscheduler")
    found, ran = run("""
        import logging, threading
        from datetime import datetime, timedelta, timezone
        from apscheduler.events import EVENT_ALL
        from apscheduler.schedulers.background import BackgroundScheduler
        logging.disable()
        ran, ended, seen = [], threading.Event(), []
        def good(): ran.append("good")
        def bad(): ran.append("bad"); raise ValueError("on purpose")
        def long(): ran.append("long"); ended.wait(30)
        early = BackgroundScheduler(timezone="UTC")
        early.start()
        with Collector() as consumer:
            read(consumer)
            late = BackgroundScheduler(timezone="UTC")
            late.start()
            for each in (early, late):
                each.add_listener(lambda event: seen.append(event.code), EVENT_ALL)
            for each in (early, early, late):
                each.add_job(good)
            late.add_job(bad)
            past = datetime.now(timezone.utc) - timedelta(hours=1)
            early.add_job(good, "date", run_date=past, misfire_grace_time=60)
            late.add_job(long, "interval", seconds=0.05, next_run_time=datetime.now(timezone.utc))
            def until(condition):
                ends = time.monotonic() + 30
                while not condition():
                    assert time.monotonic() < ends, (ran, seen)
                    time.sleep(0.01)
            from apscheduler.events import EVENT_JOB_MAX_INSTANCES as FULL, EVENT_JOB_MISSED
            until(lambda: len(ran) == 5 and FULL in seen and EVENT_JOB_MISSED in seen)
            late.pause()
            ended.set()
            late.shutdown()
            early.shutdown()
            found = read(consumer)
        print(json.dumps([found, [ran.count(each) for each in ("good", "bad", "long")]]))
    """)
    good, bad, long = ran
    assert ran == [3, 1, 1]
    assert found['apscheduler.runs{state="finished"}'] == good + long
    assert found['apscheduler.runs{state="failed"}'] == bad
    assert found['apscheduler.runs{state="missed"}'] == 1
    assert found['apscheduler.runs{state="skipped"}'] >= 1
    assert found["apscheduler.run.turnaround"] == good + bad + long
