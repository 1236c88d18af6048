"""Fixtures for tests of adapters."""

from __future__ import annotations

import pytest

from tests.adapters.scraped import ScrapedPage


@pytest.fixture
def scraped():
    """A server of the test's own."""
    scraped = ScrapedPage()
    yield scraped
    scraped.source.open.set()
    scraped.adapter.close(5.0)
