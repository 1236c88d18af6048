"""Blocks whose forked children get no agent.

A context variable holds the blocks of each thread, task or greenlet. A task that is made inside a
block is inside as well, and so is ``asyncio.to_thread``; threads and greenlets begin outside.
"""

from __future__ import annotations

from contextvars import ContextVar

__all__ = ("inside_no_fork", "no_fork")


class no_fork:  # noqa: N801 - it reads as a statement: with no_fork():
    """Give no agent to the children that are forked inside this block.

    What counts is where the fork is made: in this block, or in a task that was made in it, until
    the block is left. A thread or greenlet that is started in it is outside and needs a block of
    its own. A child that wants an agent all the same calls :func:`sampler.agent.start`.

    Blocks may be nested. Each takes a new ``no_fork()``.

    Attributes:
        depth: 1 inside, 0 outside.
    """

    __slots__ = ("depth",)

    def __init__(self) -> None:
        self.depth: int = 0

    def __enter__(self) -> None:
        self.depth += 1
        _blocks.set((*(block for block in _blocks.get() if block.depth), self))

    def __exit__(self, *_: object) -> None:
        # The block itself is closed, not what the variable holds: a generator may be left in
        # another order or context than it was entered.
        self.depth -= 1


_blocks: ContextVar[tuple[no_fork, ...]] = ContextVar("sampler.no_fork", default=())


def inside_no_fork() -> bool:
    """Tell whether the caller is inside a ``no_fork`` block."""
    return any(block.depth for block in _blocks.get())
