"""Tasks for Celery, by way of a folder: each counts one thing. `python tasks.py N` asks for N."""

import os
import sys

from celery import Celery
from counted import count

folder = os.environ["TASKS"]
app = Celery("tasks", broker="filesystem://")
app.conf.update(
    broker_transport_options={
        "data_folder_in": f"{folder}/q",
        "data_folder_out": f"{folder}/q",
        "control_folder": f"{folder}/control",
    },
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
)


@app.task(name="tasks.work")
def work(number):
    count()
    with open(f"{folder}/done/{number}", "w"):
        pass


if __name__ == "__main__":
    for number in range(int(sys.argv[1])):
        work.delay(number)
