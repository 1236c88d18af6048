"""What only CPython has, for tests that need it."""

from __future__ import annotations

import gc
import sys
from typing import Any

import pytest

CPYTHON = sys.implementation.name == "cpython"


def _only_cpython(does: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not CPYTHON, reason=f"only CPython {does}")


counts_in_one_step = _only_cpython("lets no handler or finalizer run within a count")
counts_references = _only_cpython("frees an object once nobody knows it")
ends_threads = _only_cpython("can end a thread from outside")
knows_objects = _only_cpython("tells a number from an equal one")
runs_interpreters = _only_cpython("has interpreters within a process")

get_threshold: Any = getattr(gc, "get_threshold", tuple)
set_threshold: Any = getattr(gc, "set_threshold", lambda *_: None)
"""Those of ``gc``; they do nothing where the garbage collector has no threshold."""
