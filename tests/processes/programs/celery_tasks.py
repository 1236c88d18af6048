"""The tasks of Celery's workers, with the agent in each process of the pool."""

import shop
from celery import Celery
from celery.signals import worker_process_init, worker_process_shutdown

import sampler

app = Celery("shop")
app.config_from_object("celeryconfig")


@app.task
def work():
    """Do a piece of work."""
    shop.work_and_tell()


if shop.WRITTEN:

    @worker_process_init.connect
    def begin(**_):
        """Start in a process of the pool."""
        sampler.agent.start()

    @worker_process_shutdown.connect
    def end(**_):
        """Deliver what the process has counted last: it does not get to its exit."""
        sampler.agent.stop()
