"""A program without a server: it does as much work as each line of its input says."""

import sys

import shop

import sampler

if shop.WRITTEN:
    sampler.agent.start(signals=True)
for line in sys.stdin:
    for _ in range(int(line)):
        shop.work_and_tell()
