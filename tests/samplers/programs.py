"""A program of its own for a test: what it imports and patches stays there."""

from __future__ import annotations

from functools import partial

from tests.samplers import reading

PRELUDE = """
import json, os, sys, time
import sampler
from sampler import Collector
def read(consumer):
    snapshot = consumer.collect()
    assert not snapshot.failures, snapshot.failures
    return {
        str(series): value.count if hasattr(value, "count") else value
        for series, value in snapshot
    }
"""
"""Its beginning: `read` pulls all samplers; a histogram is how many were observed."""

run = partial(reading.run, prelude=PRELUDE)
