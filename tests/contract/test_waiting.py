"""What an announced sampler waits for, and that none is lost in silence."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampler import Failure, Registry
from sampler._registry.discovery import Discovery
from tests.support.distributions import SAMPLERS, Site, sites

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def sampler(name: str) -> str:
    """Return the source of a module with a sampler."""
    return f'SAMPLER = {{"name": "{name}", "sample": lambda: [("a", 1)]}}\n'


@pytest.fixture
def both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Site]]:
    """Two folders on ``sys.path``, the first one first."""
    yield from sites(tmp_path, monkeypatch, "first", "second")


def found(registry: Registry, *names: str, **options: Any) -> tuple[set[str], tuple[Failure, ...]]:
    """Discover; return the names of registered samplers, and the failures."""
    failures = registry.discover(names, **options)
    return {each.name for each in registry}, failures


def published(registry: Registry) -> set[str]:
    """Discover without a failure; return the names of registered samplers."""
    names, failures = found(registry)
    assert failures == ()
    return names


@pytest.mark.clause("R-08", "R-09")
def test_a_sampler_waits_for_the_package_that_its_module_lies_in(
    site: Site, registry: Registry
) -> None:
    """Not for the one above it; and for the module itself, if it lies in none."""
    site.install(
        "dist-deep",
        {"zz_deep": "zz_deep.pool.metrics:SAMPLER", "zz_flat": "zz_flat:SAMPLER"},
        files={
            "zz_deep/__init__.py": "",
            "zz_deep/pool/__init__.py": "",
            "zz_deep/pool/metrics.py": sampler("zz_deep"),
            "zz_flat.py": sampler("zz_flat"),
        },
    )
    importlib.import_module("zz_deep")
    assert published(registry) == set()
    importlib.import_module("zz_deep.pool")
    assert published(registry) == {"zz_deep"}
    importlib.import_module("zz_flat")
    assert published(registry) == {"zz_deep", "zz_flat"}


@pytest.mark.clause("R-08", "R-09")
@pytest.mark.parametrize("package", ["zz_lib", "zz_lib.client"])
def test_a_sampler_of_somebody_elses_package_waits_for_that_package(
    site: Site, registry: Registry, package: str
) -> None:
    """The group names it; what its own distribution has imported does not matter."""
    site.install(
        "contrib",
        {"zz_lib": "zz_contrib.lib:SAMPLER"},
        group=f"{SAMPLERS}.{package}",
        files={
            "zz_contrib/__init__.py": "",
            "zz_contrib/lib.py": sampler("zz_lib"),
            "zz_lib/__init__.py": "",
            "zz_lib/client.py": "",
        },
    )
    importlib.import_module("zz_contrib")
    assert published(registry) == set()
    importlib.import_module(package)
    assert published(registry) == {"zz_lib"}


@pytest.mark.clause("R-09")
def test_asking_by_name_waits_for_nothing(site: Site, registry: Registry) -> None:
    """Also for the sampler of somebody else's package."""
    files = {"zz_contrib.py": sampler("zz_lib")}
    site.install(
        "contrib", {"zz_lib": "zz_contrib:SAMPLER"}, group=f"{SAMPLERS}.zz_lib", files=files
    )
    assert found(registry, "zz_lib") == ({"zz_lib"}, ())


@pytest.mark.clause("R-09")
def test_a_package_is_imported_when_its_import_has_ended(
    site: Site, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sampler that is looked for by its package, while that is imported, is not loaded yet."""
    seen: list[set[str]] = []
    monkeypatch.setattr(sys, "zz_look", lambda: seen.append(published(registry)), raising=False)
    site.install(
        "dist-half",
        {"zz_half": "zz_half.metrics:SAMPLER"},
        files={
            "zz_half/__init__.py": "import sys\nsys.zz_look()\npool = 1\n",
            "zz_half/metrics.py": "from zz_half import pool\n" + sampler("zz_half"),
        },
    )
    importlib.import_module("zz_half")
    assert seen == [set()]
    assert published(registry) == {"zz_half"}


@pytest.mark.clause("R-09")
def test_a_package_whose_import_fails_was_never_imported(site: Site, registry: Registry) -> None:
    """Nor is one whose import is forbidden by None in ``sys.modules``."""
    site.install(
        "dist-fails",
        {"zz_fails": "zz_fails.metrics:SAMPLER"},
        files={"zz_fails/__init__.py": "1 / 0", "zz_fails/metrics.py": sampler("zz_fails")},
    )
    with pytest.raises(ZeroDivisionError):
        importlib.import_module("zz_fails")
    assert published(registry) == set()
    sys.modules["zz_fails"] = None  # type: ignore[assignment]
    assert published(registry) == set()


class Slotted:
    """An object in the place of a module, without any attribute."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


@pytest.mark.clause("R-09")
@pytest.mark.parametrize("make", [lambda: ModuleType("zz_odd"), Slotted])
def test_a_module_without_a_spec_has_been_imported(
    site: Site, registry: Registry, make: Callable[[], Any]
) -> None:
    """A program may make one, or put an object in a module's place; its code is not run."""
    site.install(
        "dist-odd", {"zz_odd": "zz_metrics:SAMPLER"}, group=f"{SAMPLERS}.zz_odd",
        files={"zz_metrics.py": sampler("zz_odd")},
    )  # fmt: skip
    sys.modules["zz_odd"] = make()
    assert published(registry) == {"zz_odd"}


@pytest.mark.clause("R-09")
def test_looking_imports_no_lazy_module(site: Site, registry: Registry) -> None:
    """It is in ``sys.modules`` before it is imported, which its first attribute does."""
    site.install(
        "dist-lazy",
        {"zz_lazy": "zz_metrics:SAMPLER"},
        group=f"{SAMPLERS}.zz_lazy",
        files={"zz_metrics.py": sampler("zz_lazy"), "zz_lazy.py": "import zz_inner\nx = 1\n",
               "zz_inner.py": ""},
    )  # fmt: skip
    spec = importlib.util.find_spec("zz_lazy")
    assert spec is not None
    assert spec.loader is not None
    spec.loader = importlib.util.LazyLoader(spec.loader)
    lazy = sys.modules["zz_lazy"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lazy)
    assert published(registry) == set()
    assert "zz_inner" not in sys.modules
    assert lazy.x == 1
    assert published(registry) == {"zz_lazy"}


@pytest.mark.clause("R-09")
def test_a_part_of_a_namespace_package_waits_for_itself(
    both: list[Site], registry: Registry
) -> None:
    """The namespace belongs to many distributions, of which the program may use another."""
    for site, name in zip(both, ("one", "two"), strict=True):
        files = {f"zz_space/{name}.py": sampler(f"zz_{name}")}
        site.install(f"dist-{name}", {f"zz_{name}": f"zz_space.{name}:SAMPLER"}, files=files)
    importlib.import_module("zz_space.one")
    assert published(registry) == {"zz_one"}
    importlib.import_module("zz_space.two")
    assert published(registry) == {"zz_one", "zz_two"}


@pytest.mark.clause("R-10")
@pytest.mark.parametrize("names", [(), ("zz_same",)])
def test_a_name_that_is_announced_twice_is_reported(
    both: list[Site], registry: Registry, names: tuple[str, ...]
) -> None:
    """The first on ``sys.path`` stands, whether it is asked for or waits; both are named."""
    for site, package in zip(both, ("zz_one", "zz_two"), strict=True):
        files = {f"{package}.py": sampler("zz_same") + f"OWNER = {package!r}\n"}
        site.install(f"dist-{package}", {"zz_same": f"{package}:SAMPLER"}, files=files)
    importlib.import_module("zz_two")
    registered, (failure,) = found(registry, *names)
    assert (failure.sampler, failure.reason) == ("zz_same", "duplicate")
    assert "'zz_one:SAMPLER' of distribution 'dist-zz_one' stands" in failure.message
    assert "'zz_two:SAMPLER' of distribution 'dist-zz_two' is left out" in failure.message
    assert registered == set(names)
    importlib.import_module("zz_one")
    assert found(registry)[0] == {"zz_same"}
    (registration,) = registry
    assert registration.sampler["sample"] is sys.modules["zz_one"].SAMPLER["sample"]


@pytest.mark.clause("R-10")
def test_one_distribution_that_announces_a_name_twice_is_reported(
    site: Site, registry: Registry
) -> None:
    """Nothing says which of the two it means."""
    files = {"zz_one.py": sampler("zz_same"), "zz_two.py": sampler("zz_same")}
    site.install("dist-twice", {"zz_same": "zz_one:SAMPLER"}, files=files)
    site.install("dist-twice", {"zz_same": "zz_two:SAMPLER"}, group=f"{SAMPLERS}.zz_lib")
    _, (failure,) = found(registry)
    assert failure.message.count("'dist-twice'") == 2


@pytest.mark.clause("R-10")
@pytest.mark.parametrize("version", ["1.0", "0.9"])
def test_a_distribution_that_is_there_twice_clashes_with_nothing(
    both: list[Site], registry: Registry, version: str
) -> None:
    """As where it is both installed and editable: the first on ``sys.path`` hides the other."""
    first, second = both
    first.install("dist", {"zz_same": "zz_new:SAMPLER"}, files={"zz_new.py": sampler("zz_same")})
    second.install("Dist", {"zz_same": "zz_old:SAMPLER"}, version=version,
                   files={"zz_old.py": sampler("zz_same")})  # fmt: skip
    importlib.import_module("zz_old")
    assert published(registry) == set()
    importlib.import_module("zz_new")
    assert published(registry) == {"zz_same"}


@pytest.mark.clause("R-08", "R-10")
@pytest.mark.parametrize("imported", ["zz_lib", "zz_fork_of_lib"])
def test_one_object_may_wait_for_several_packages(
    site: Site, registry: Registry, imported: str
) -> None:
    """It is published with the first of them, and is no duplicate of itself."""
    files = {"zz_contrib.py": sampler("zz_lib"), "zz_lib.py": "", "zz_fork_of_lib.py": ""}
    for package in ("zz_lib", "zz_fork_of_lib"):
        group = f"{SAMPLERS}.{package}"
        site.install("contrib", {"zz_lib": "zz_contrib:SAMPLER"}, group=group, files=files)
    importlib.import_module(imported)
    assert published(registry) == {"zz_lib"}


WORDS = st.text(st.sampled_from("zab._:[]=#; \t\u00e9"), max_size=12)


@pytest.mark.clause("R-10")
@settings(max_examples=100, deadline=None)
@given(lines=st.lists(st.tuples(WORDS, WORDS), max_size=4), subgroup=WORDS)
def test_whatever_stands_in_an_announcement_costs_itself_only(
    shared_site: Site, lines: list[tuple[str, str]], subgroup: str
) -> None:
    """Discovery raises nothing, publishes the others, and has an answer for each name."""
    info = shared_site.folder / "odd-1.0.dist-info"
    group = f"{SAMPLERS}.{subgroup}" if subgroup else SAMPLERS
    text = "\n".join([f"[{group}]", *(f"{name} = {value}" for name, value in lines)])
    (info / "entry_points.txt").write_text(text + "\n", "utf-8")
    registry = Registry()
    names = [name for name, _ in lines if name not in {"zz_good", ""}]
    failures = registry.discover(["zz_good", *names])
    assert "zz_good" in registry
    assert set(names) <= {failure.sampler for failure in failures}  # none of them can be loaded
    Discovery(registry).look_again()


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A folder on ``sys.path`` with a good sampler, and an odd distribution."""
    with pytest.MonkeyPatch.context() as patch:
        for (found,) in sites(tmp_path_factory.mktemp("shared"), patch, "site"):
            found.install(
                "good", {"zz_good": "zz_good:SAMPLER"}, files={"zz_good.py": sampler("zz_good")}
            )
            found.install("odd", {})
            yield found
