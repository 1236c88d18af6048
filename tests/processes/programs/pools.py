"""A program whose children do as much work as each line of its input says.

Its arguments are the kind of children and the method that starts them.
"""

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor, wait

import shop

import sampler

WORKERS = 3


def begin() -> None:
    """Start the agent, in the parent and, as forks do not go without it, in each child."""
    if shop.WRITTEN:
        sampler.agent.start(signals=True)


def work(pieces: int) -> None:
    """Do what one process of its own is for."""
    begin()
    for _ in range(pieces):
        shop.work_and_tell()


def processes(context, pieces: int) -> None:
    """Start processes that share the work, and wait for them."""
    shares = [len(range(each, pieces, WORKERS)) for each in range(WORKERS)]
    children = [context.Process(target=work, args=(share,)) for share in shares]
    for child in children:
        child.start()
    for child in children:
        child.join()


def main(kind: str, method: str) -> None:
    """Work until there is no more input."""
    begin()
    context = multiprocessing.get_context(method)
    if kind == "Process":
        for line in sys.stdin:
            processes(context, int(line))
    elif kind == "Pool":
        with context.Pool(WORKERS, initializer=begin) as pool:
            for line in sys.stdin:
                for _ in range(int(line)):
                    pool.apply_async(shop.work_and_tell)
    else:
        with ProcessPoolExecutor(WORKERS, context, begin) as pool:
            for line in sys.stdin:
                wait([pool.submit(shop.work_and_tell) for _ in range(int(line))])


if __name__ == "__main__":
    main(*sys.argv[1:])
