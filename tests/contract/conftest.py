"""Fixtures of the contract's tests."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from sampler import Registry
from sampler._runtime.abandoned import abandoned
from tests.contract.lab import Lab
from tests.support.waiting import wait_for


@pytest.fixture
def lab() -> Any:
    with Lab() as lab:
        yield lab


@pytest.fixture
def registry() -> Registry:
    """An empty registry."""
    return Registry()


@pytest.fixture
def no_thread_is_left() -> Any:
    """Insist that every thread which a test abandons, or starts, ends with it; but the log's."""

    def others() -> set[threading.Thread]:
        return {each for each in threading.enumerate() if each.name != "sampler-log"}

    before = others()
    yield
    wait_for(lambda: others() <= before, 10.0, "all threads to end")
    assert abandoned() == 0
