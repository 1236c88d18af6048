"""How a registry finds what installed distributions announce."""

from __future__ import annotations

import importlib
import itertools
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sampler.testing._registry_suite import RegistrySuite, names, refusal, require

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
            found = names(registry)
            require(used in found, "R-08", f"an announced sampler is not among {found}")
            require(found.count(used) == 1, "R-08", f"it is published more than once: {found}")
            require(unused not in found, "R-09", "a sampler that nobody imported was published")
            require(unused not in sys.modules, "R-09", "what nobody has imported was imported")
            require(used not in reported, "R-10", f"a good sampler is reported: {reported}")

    def test_what_is_named_is_imported(self) -> None:
        """Though the program has not."""
        with _installed(_SAMPLER) as named:
            registry = self.registry()
            reported = self._discover(registry, named)
            found = names(registry)
            require(named in found, "R-09", f"named, it is not published: {found}, {reported}")

    def test_what_waits_for_a_package_is_published_when_that_is_imported(self) -> None:
        """Its group names the package, somebody else's perhaps; it is itself not imported."""
        with _installed("") as package, _installed(_SAMPLER, package) as waiting:
            registry = self.registry()
            self._discover(registry)
            found = names(registry)
            early = waiting in found or waiting in sys.modules
            require(not early, "R-09", f"it was published before {package} was imported")
            importlib.import_module(package)
            reported = self._discover(registry)
            found = names(registry)
            says = f"{package} is imported, and what waits for it not among {found}: {reported}"
            require(waiting in found, "R-08", says)

    def test_a_name_that_is_announced_twice_is_reported(self) -> None:
        """The first on ``sys.path`` stands."""
        with _installed(_SAMPLER) as second, _installed(_SAMPLER, twin_of=second) as first:
            registry = self.registry()
            for module in first, second:
                importlib.import_module(module)
            reported = self._discover(registry)
            found = names(registry)
            require(second in reported, "R-10", f"a name announced twice is lost: {reported}")
            require(found.count(second) <= 1, "R-10", f"both are published: {found}")

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
                found = names(registry)
                require(good in found, "R-10", f"one that {what} cost another: {found}")

    def _discover(self, registry: Any, *named: str) -> Any:
        """Return what is reported; skip the test if this registry does not discover."""
        reported: list[Any] = []
        error = refusal(lambda: reported.append(self.discover(registry, *named)))
        require(error is None, "R-10", f"discovery raised {error!r}")
        if reported == [None]:
            import pytest

            pytest.skip("R-08, R-09, R-10: discover() is not overridden")
        return reported[0]


@contextmanager
def _installed(source: str, package: str = "", twin_of: str = "") -> Iterator[str]:
    """Install a distribution that announces a sampler; yield the name of both.

    Args:
        source: of its module.
        package: what the entry point waits for; default: its own module.
        twin_of: another name that sampler and entry point have.
    """
    name = f"zz_sampler_testing_{next(_numbers)}"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.joinpath(f"{name}.py").write_text(source.format(name=twin_of or name), "utf-8")
        info = root / f"{name}-1.0.dist-info"
        info.mkdir()
        info.joinpath("METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", "utf-8"
        )
        group = f"sampler.samplers.{package}" if package else "sampler.samplers"
        lines = f"[{group}]\n{twin_of or name} = {name}:SAMPLER\n" if source else ""
        info.joinpath("entry_points.txt").write_text(lines, "utf-8")
        sys.path.insert(0, folder)
        importlib.invalidate_caches()
        try:
            yield name
        finally:
            sys.path.remove(folder)
            sys.modules.pop(name, None)
            importlib.invalidate_caches()
