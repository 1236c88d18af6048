"""RQ's worker with an agent in each of its work horses, as docs/servers.md has it."""

import os

import rq

import sampler


class Worker(rq.Worker):
    def perform_job(self, *args, **kwargs):
        sampler.agent.start(os.environ["SAMPLER_CONFIG"])
        try:
            return super().perform_job(*args, **kwargs)
        finally:
            sampler.agent.stop()
