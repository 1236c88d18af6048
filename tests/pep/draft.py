"""The text of the draft, and its code, for tests."""

from __future__ import annotations

from tests.kits.consumers import drafted
from tests.pep.clauses import DRAFT

TEXT = DRAFT.read_text("utf-8")
CODE = drafted()
COUNTER = {"kind": "counter"}


def published(*samplers):
    """Return a registry of the draft that holds samplers."""
    registry = CODE["Registry"]()
    for sampler in samplers:
        registry.register(sampler)
    return registry


def consumer_of(*samplers, deadline=10.0):
    """Return a consumer of the draft that pulls samplers."""
    return CODE["Consumer"](published(*samplers), deadline=deadline)


def counting(rows, name="s", **keys):
    """Return a sampler of present rows; ``n`` and ``m`` are counters."""
    metrics = {"n": COUNTER, "m": COUNTER}
    return {"name": name, "sample": lambda: list(rows), "metrics": metrics, **keys}


def key(name, **labels):
    """Return a series as the draft's consumer names it."""
    return name, tuple(sorted(labels.items()))
