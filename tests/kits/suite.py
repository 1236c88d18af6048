"""Running a suite on something that may not pass."""

from __future__ import annotations

from typing import Any

import pytest

from sampler.testing._require import Broken


def failures(suite: Any, until: str = "none") -> list[Broken]:
    """Run the tests of a suite, until one finds a breach of a clause; return what they raise."""
    found: list[Broken] = []
    for name in dir(suite):
        if name.startswith("test_"):
            try:
                getattr(suite(), name)()
            except Broken as failure:
                found.append(failure)
                if failure.clause == until:
                    break
            except pytest.skip.Exception:
                continue
    return found


def broken(suite: Any, until: str = "none") -> dict[str, Broken]:
    """Run the tests of a suite as above; return the failures by clause."""
    found: dict[str, Broken] = {}
    for failure in failures(suite, until):
        found.setdefault(failure.clause, failure)
    for clause, failure in found.items():
        assert str(failure).startswith(f"{clause}: ")
        assert str(failure).endswith(f"; {failure.remedy}")
        assert failure.remedy
    return found
