"""Running a suite on something that may not pass."""

from __future__ import annotations

from typing import Any

import pytest

from sampler.testing._require import Broken


def broken(suite: Any, until: str = "none") -> dict[str, Broken]:
    """Run the tests of a suite, until one finds a breach of a clause; return it by clause."""
    found: dict[str, Broken] = {}
    for name in dir(suite):
        if name.startswith("test_"):
            try:
                getattr(suite(), name)()
            except Broken as failure:
                found.setdefault(failure.clause, failure)
            except pytest.skip.Exception:
                continue
        if until in found:
            break
    for clause, failure in found.items():
        assert str(failure).startswith(f"{clause}: ")
        assert str(failure).endswith(f"; {failure.remedy}")
        assert failure.remedy
    return found
