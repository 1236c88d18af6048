"""Jobs for RQ: each counts one thing. `python jobs.py PORT N` asks for N."""

import os
import sys

from counted import count


def work(number):
    count()
    with open(f"{os.environ['TASKS']}/done/{number}", "w"):
        pass


if __name__ == "__main__":
    import jobs
    from redis import Redis
    from rq import Queue

    queue = Queue(connection=Redis(port=int(sys.argv[1])))
    for number in range(int(sys.argv[2])):
        queue.enqueue(jobs.work, number)
