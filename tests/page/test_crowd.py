"""A thousand viewers at once: what they get, and what they cost others."""

from __future__ import annotations

import gc
import resource
import socket
from collections import Counter
from contextlib import ExitStack

from tests.page.rig import PATIENCE, agent_with, viewer_of
from tests.support.waiting import wait_for

CROWD = 1000
SPARE = 500
"""Descriptors for all else; the server has at most 128 of its own for clients."""


def crowd() -> int:
    """Return how many viewers this process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return CROWD if soft == resource.RLIM_INFINITY else min(CROWD, soft - SPARE)


def test_a_thousand_viewers_are_answered_or_told_to_come_later() -> None:
    """Half of the places are theirs; a scrape and the pulls go on meanwhile, and nothing stays."""
    pulls: list[int] = []

    def sample():
        pulls.append(1)
        return [("depth", len(pulls))]

    with agent_with({"name": "shop", "sample": sample}) as agent:
        viewer = viewer_of(agent)
        host, _, port = viewer.address.partition(":")

        def come_and_go() -> Counter[bytes]:
            with ExitStack() as stack:
                viewers = []
                for _ in range(crowd()):
                    each = socket.create_connection((host, int(port)), timeout=PATIENCE)
                    viewers.append(stack.enter_context(each))
                    each.sendall(b"GET /live/now.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
                before = len(pulls)
                assert viewer.ask("/metrics")[0] == 200
                wait_for(lambda: len(pulls) > before + 1, what="pulls")
                return Counter(each.makefile("rb").readline() for each in viewers)

        answers = come_and_go()
        assert set(answers) == {b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 503 Service Unavailable\r\n"}
        assert answers[b"HTTP/1.1 200 OK\r\n"] >= 32
        wait_for(lambda: viewer.ask("/live/now.json")[0] == 200, what="an answer")
        gc.collect()
        there = len(gc.get_objects())
        assert set(come_and_go()) == set(answers)
        wait_for(lambda: viewer.ask("/live/now.json")[0] == 200, what="an answer")

        def left() -> int:
            gc.collect()
            return len(gc.get_objects()) - there

        wait_for(lambda: left() < crowd(), what="what the crowd has left to go")
