"""What a forked child finds, whatever its parent's threads were doing at the fork."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if not hasattr(os, "fork"):
    pytest.skip("this platform has no fork", allow_module_level=True)

from tests.contract.test_fork import run
from tests.contract.vendors import VENDOR
from tests.support.distributions import Site

if TYPE_CHECKING:
    from pathlib import Path

SAMPLER = 'SAMPLER = {"name": "%s", "sample": lambda: [("a", 1)]}\n'
HANGS = "import sys\nsys.began.set()\nsys.gate.wait(50)\n" + SAMPLER % "zz_hangs"


@pytest.mark.clause("R-09", "R-10")
def test_a_child_does_not_wait_for_an_import_of_its_parent(tmp_path: Path) -> None:
    """The module's lock is held for ever there; what the child imports itself is published."""
    site = Site(tmp_path / "site")
    for name, source in (("zz_hangs", HANGS), ("zz_good", SAMPLER % "zz_good")):
        files = {f"{name}/__init__.py": "", f"{name}/metrics.py": source}
        site.install(f"dist-{name}", {name: f"{name}.metrics:SAMPLER"}, files=files)
    child, parent = run(f"""
        sys.path.insert(0, {str(site.folder)!r})
        from sampler._registry.discovery import Discovery
        sys.began, sys.gate = threading.Event(), threading.Event()
        discovery = Discovery(registry)
        discovery.look()
        import zz_hangs
        discovery.look_again()
        assert sys.began.wait(30)

        def child():
            import zz_good
            mine = Registry()
            failures = mine.discover(deadline=300.0)
            return [[f.sampler, f.message] for f in failures], [r.name for r in mine]

        said = in_child(child)
        sys.gate.set()
        limit = time.monotonic() + 30
        while "zz_hangs" not in registry and time.monotonic() < limit:
            time.sleep(0.01)
        print(json.dumps([said, [r.name for r in registry]]))
    """)
    failures, published = child
    assert failures == [["zz_hangs", "its import, which was begun earlier, has not ended"]]
    assert published == ["zz_good"]
    assert parent == ["zz_hangs"]


@pytest.mark.clause("C-19", "R-14")
def test_a_child_begins_with_baselines_in_all_registries(tmp_path: Path) -> None:
    """Another vendor's registrations of the parent are the parent's, too."""
    site = Site(tmp_path / "site")
    announced = {"vendor": "zz_vendor:default"}
    site.install("v", announced, group="sampler.registries", files={"zz_vendor.py": VENDOR})
    first, second, new = run(f"""
        sys.path.insert(0, {str(site.folder)!r})
        import zz_vendor
        zz_vendor.default.register(SAMPLER)
        consumer = Collector(deadline=5.0)
        assert values(consumer.collect())["app.hits"] == 100

        def child():
            time.sleep(0.01)
            first = values(consumer.collect())
            counts["hits"] += 3
            zz_vendor.default.register({{**SAMPLER, "name": "new"}})
            second = values(consumer.collect())
            with Collector(deadline=5.0) as another:
                return first, second, values(another.collect())

        print(json.dumps(in_child(child)))
    """)
    assert first == {"app.hits": 0, "app.depth": 7}
    assert second == {"app.hits": 3, "app.depth": 7, "new.hits": 103, "new.depth": 7}
    assert new["app.hits"] == 0
