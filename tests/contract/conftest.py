"""Fixtures of the contract's tests."""

from __future__ import annotations

import importlib
import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest

from sampler import Registry
from sampler._registry import other_registry
from sampler._registry import registry as registries
from sampler._runtime.abandoned import abandoned
from sampler._runtime.log import log
from tests.contract.lab import Lab
from tests.contract.vendors import GROUP, VENDOR
from tests.support.distributions import Site, sites
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def lab() -> Any:
    with Lab() as lab:
        yield lab


@pytest.fixture
def registry() -> Registry:
    """An empty registry."""
    return Registry()


@pytest.fixture
def no_thread_is_left() -> Any:
    """Insist that every thread which a test abandons, or starts, ends with it; but the log's."""

    def others() -> set[threading.Thread]:
        return {each for each in threading.enumerate() if each.name != "sampler-log"}

    before = others()
    yield
    wait_for(lambda: others() <= before, 10.0, "all threads to end")
    assert abandoned() == 0


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A folder on ``sys.path``."""
    for (found,) in sites(tmp_path, monkeypatch, "site"):
        yield found


@pytest.fixture
def vendor_site(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A folder on ``sys.path`` with another vendor; nothing is registered or told yet."""
    monkeypatch.setattr(registries, "default", Registry())
    monkeypatch.setattr(other_registry, "_told", set())
    announced = {"vendor": "zz_vendor:default"}
    site.install("vendor", announced, group=GROUP, files={"zz_vendor.py": VENDOR})
    return site


@pytest.fixture
def vendor(vendor_site: Site) -> Any:
    """That vendor's module, imported."""
    del vendor_site
    return importlib.import_module("zz_vendor")


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return what has been logged of registries."""
    caplog.set_level(logging.WARNING, "sampler")

    def lines() -> list[str]:
        log.flush()
        return [each for each in caplog.messages if each.startswith("registry ")]

    return lines
