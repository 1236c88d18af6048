"""Children of multiprocessing that count: `python pools.py METHOD KIND`."""

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor

from counted import count


def work(_):
    count()


def many():
    for _ in range(10):
        count()


def main(method, kind):
    context = multiprocessing.get_context(method)
    if kind == "Process":
        processes = [context.Process(target=many) for _ in range(3)]
        for each in processes:
            each.start()
        for each in processes:
            each.join()
    elif kind == "Pool":  # which ends its workers by SIGTERM
        with context.Pool(3) as pool:
            pool.map(work, range(30), chunksize=1)
    else:
        with ProcessPoolExecutor(3, mp_context=context) as executor:
            list(executor.map(work, range(30)))


if __name__ == "__main__":
    main(*sys.argv[1:])
