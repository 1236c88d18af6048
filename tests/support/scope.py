"""Tests that run at the same time on one host, and must not see each other's instances."""

from __future__ import annotations

from uuid import uuid4

from sampler.agent import claims


def apart() -> None:
    """Let this process and its children have every instance to themselves, as in a container."""
    claims._PREFIX = scope()


def scope() -> str:
    """Return what begins the names of claims that nobody else has."""
    return f"sampler-test/{uuid4().hex[:16]}/"
