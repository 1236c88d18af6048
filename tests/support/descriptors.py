"""Descriptors of ours that the program closes, and whose numbers it gets for files of its own."""

from __future__ import annotations

import os
import socket
from typing import Protocol

import pytest

Pair = tuple[socket.socket, socket.socket]


class Open(Protocol):
    """What has a descriptor."""

    def fileno(self) -> int:
        """Return its number."""


def taken_over(ours: Open) -> Pair:
    """Close a descriptor behind its owner's back; return a pair, one of which has its number."""
    number = ours.fileno()
    os.close(number)
    pair = socket.socketpair()
    if number not in [each.fileno() for each in pair]:
        os.dup2(pair[0].fileno(), number)
        pair[0].close()
        pair = socket.socket(fileno=number), pair[1]
    for each in pair:
        each.setblocking(False)
    return pair


def untouched(pair: Pair) -> bool:
    """Tell whether both are open, and nothing has come; they are closed then."""
    for each in pair:
        with pytest.raises(BlockingIOError):
            each.recv(1)
    for each in pair:
        each.close()
    return True
