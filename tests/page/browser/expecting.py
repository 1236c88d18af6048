"""Playwright's ``expect``, imported once it is used: without the package tests are skipped."""

from __future__ import annotations

from typing import Any


def expect(actual: Any) -> Any:
    """Return what waits for a page or a locator to be as a test says."""
    from playwright.sync_api import expect as expecting

    return expecting(actual)
