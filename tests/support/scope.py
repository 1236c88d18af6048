"""Tests that run at the same time on one host, and must not see each other's instances."""

from __future__ import annotations

from uuid import uuid4

from sampler._runtime import instance_lock


def apart() -> None:
    """Let this process and its children have every instance to themselves, as in a container."""
    instance_lock._PREFIX = scope()


def scope() -> str:
    """Return a prefix of lock names that nobody else uses."""
    return f"sampler-test/{uuid4().hex[:16]}/"
