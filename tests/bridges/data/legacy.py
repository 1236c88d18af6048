"""Wrote ``legacy.mmstats``: ``python2.7 legacy.py``, with mmstats 0.8.0; copy it before the end."""

# mypy: ignore-errors
import shutil

import mmstats


class Stats(mmstats.MmStats):
    requests = mmstats.CounterField(label="app.requests")
    queue = mmstats.IntField(label="app.queueDepth")
    load = mmstats.DoubleField(label="app.load")
    ratio = mmstats.FloatField(label="app.ratio")
    avg = mmstats.AverageField(label="app.avg")
    up = mmstats.BoolField(label="app.up")
    state = mmstats.StringField(label="app.state", size=32)
    big = mmstats.UInt64Field(label="app.big")
    small = mmstats.ShortField(label="app.small")
    byte = mmstats.ByteField(label="app.byte")


stats = Stats(path=".", filename="live.mmstats")
for _ in range(42):
    stats.requests.incr()
stats.queue, stats.load, stats.ratio = -7, 0.75, 0.5
stats.avg.add(2), stats.avg.add(4)
stats.up, stats.state = True, "r\xfcn"
stats.big, stats.small, stats.byte = 2**63, -3, 5
stats.flush()
shutil.copy("live.mmstats", "legacy.mmstats")
