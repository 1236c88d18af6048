"""A program of greenlets, which patches first."""

from gevent import monkey

monkey.patch_all()

import threading  # noqa: E402
import time  # noqa: E402

from counted import count  # noqa: E402


def work():
    time.sleep(0.01)
    count()


threads = [threading.Thread(target=work) for _ in range(20)]
for each in threads:
    each.start()
for each in threads:
    each.join()
