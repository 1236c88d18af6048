"""How a registry finds what installed distributions announce."""

from __future__ import annotations

import importlib
import itertools
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sampler.testing._registry_suite import RegistrySuite, refusal, require

if TYPE_CHECKING:
    from collections.abc import Iterator

_numbers = itertools.count()
_SAMPLER = 'SAMPLER = {{"name": "{name}", "sample": lambda: [("a", 1)]}}\n'


class DiscoverySuite(RegistrySuite):
    """A registry publishes what is announced and imported, and reports what it cannot."""

    def test_what_the_program_has_imported_is_published(self) -> None:
        """And nothing else is imported."""
        with _installed(_SAMPLER) as used, _installed(_SAMPLER) as unused:
            importlib.import_module(used)
            registry = self.registry()
            reported = self._discover(registry)
            names = [each.sampler["name"] for each in registry]
            require(used in names, "R-08", f"an announced sampler is not among {names}")
            require(names.count(used) == 1, "R-08", f"it is published more than once: {names}")
            require(unused not in names, "R-09", "a sampler that nobody imported was published")
            require(unused not in sys.modules, "R-09", "what nobody has imported was imported")
            require(used not in reported, "R-10", f"a good sampler is reported: {reported}")

    def test_what_is_named_is_imported(self) -> None:
        """Though the program has not."""
        with _installed(_SAMPLER) as named:
            registry = self.registry()
            reported = self._discover(registry, named)
            names = [each.sampler["name"] for each in registry]
            require(named in names, "R-09", f"named, it is not published: {names}, {reported}")

    def test_what_cannot_be_published_is_reported(self) -> None:
        """With a reason each, and at no cost for others."""
        bad = {
            "cannot be imported": "raise ValueError('an author\\'s')\n",
            "has no such object": "OTHER = 3\n",
            "is no sampler": 'SAMPLER = {{"name": "{name}"}}\n',
            "has another name than its sampler": _SAMPLER.replace("{name}", "zz_other"),
        }
        for what, source in bad.items():
            with _installed(source) as broken, _installed(_SAMPLER) as good:
                registry = self.registry()
                reported = self._discover(registry, broken, good)
                says = f"an entry point that {what} is not reported: {reported}"
                require(reported.get(broken), "R-10", says)
                names = [each.sampler["name"] for each in registry]
                require(good in names, "R-10", f"one that {what} cost another: {names}")

    def _discover(self, registry: Any, *names: str) -> Any:
        """Return what is reported; skip the test if this registry does not discover."""
        found: list[Any] = []
        error = refusal(lambda: found.append(self.discover(registry, *names)))
        require(error is None, "R-10", f"discovery raised {error!r}")
        if found == [None]:
            import pytest

            pytest.skip("R-08, R-09, R-10: discover() is not overridden")
        return found[0]


@contextmanager
def _installed(source: str) -> Iterator[str]:
    """Install a distribution that announces a sampler; yield the name of both."""
    name = f"zz_sampler_testing_{next(_numbers)}"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.joinpath(f"{name}.py").write_text(source.format(name=name), "utf-8")
        info = root / f"{name}-1.0.dist-info"
        info.mkdir()
        info.joinpath("METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", "utf-8"
        )
        announced = f"[sampler.samplers]\n{name} = {name}:SAMPLER\n"
        info.joinpath("entry_points.txt").write_text(announced, "utf-8")
        sys.path.insert(0, folder)
        importlib.invalidate_caches()
        try:
            yield name
        finally:
            sys.path.remove(folder)
            sys.modules.pop(name, None)
            importlib.invalidate_caches()
