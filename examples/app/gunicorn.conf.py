"""Two workers of four threads, each with an agent of its own."""

import os

import sampler

bind = os.environ.get("BIND", "127.0.0.1:8000")
workers = 2
worker_class = "gthread"
threads = 4
graceful_timeout = 10


def post_worker_init(worker):
    sampler.agent.start()  # $SAMPLER_CONFIG, else ./sampler.toml


def worker_exit(server, worker):
    sampler.agent.stop()  # with a last pull and a last flush
