"""Running a suite on something that may not pass."""

from __future__ import annotations

from typing import Any

import pytest

from sampler.testing._require import Broken


<<<<<<< HEAD
def broken(suite: Any, until: str = "none") -> dict[str, Broken]:
    """Run the tests of a suite, until one finds a breach of a clause; return it by clause."""
    found: dict[str, Broken] = {}
=======
def failures(suite: Any) -> list[Broken]:
    """Run every test of a suite; return what they raise."""
    found: list[Broken] = []
>>>>>>> second
    for name in dir(suite):
        if name.startswith("test_"):
            try:
                getattr(suite(), name)()
            except Broken as failure:
                found.append(failure)
            except pytest.skip.Exception:
                continue
<<<<<<< HEAD
        if until in found:
            break
=======
    return found


def broken(suite: Any) -> dict[str, Broken]:
    """Run every test of a suite; return the failures by clause."""
    found: dict[str, Broken] = {}
    for failure in failures(suite):
        found.setdefault(failure.clause, failure)
>>>>>>> second
    for clause, failure in found.items():
        assert str(failure).startswith(f"{clause}: ")
        assert str(failure).endswith(f"; {failure.remedy}")
        assert failure.remedy
    return found
