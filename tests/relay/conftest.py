"""A busy machine may take longer than a worker has patience for."""

from __future__ import annotations

import pytest

from sampler.relay import adapter


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let workers of this process wait for a relay's answer as long as their send may take."""
    monkeypatch.setattr(adapter, "_PATIENCE", 60.0)
