"""``list`` shows whatever is installed, however badly it is made."""

from __future__ import annotations

import json

import pytest

from tests.cli.foreign import install
from tests.support.command import sampler
from tests.support.distributions import SAMPLERS, Site


@pytest.fixture
def foreign(tmp_path) -> str:
    """A folder with a distribution of odd adapters and samplers, as on ``PYTHONPATH``."""
    return install(tmp_path)


def rows(what: str, **env: str) -> dict[str, dict]:
    """Return what ``list --json`` says, by name."""
    done = sampler("list", what, "--json", **env)
    assert (done.returncode, done.stderr) == (0, "")
    return {row["name"]: row for row in json.loads(done.stdout)}


def test_keys_and_losses_are_listed_for_programs() -> None:
    """Each key with its meaning, each loss with what happens instead."""
    listed = rows("adapters")
    assert listed["graphite"]["unsupported"]["kind"].startswith("left out")
    assert listed["graphite"]["keys"]["port"].startswith("Its port")
    assert "interval" not in listed["graphite"]["keys"]
    assert set(listed["prometheus"]["unsupported"]) == {
        "unit",
        "precision",
        "timestamps",
        "histograms",
    }


def test_an_adapter_without_options_is_listed_with_its_arguments(foreign) -> None:
    """Nothing is known of them but their names; one that takes any key names none."""
    listed = rows("adapters", PYTHONPATH=foreign)
    assert listed["plain"]["keys"] == {"host": "", "colour": ""}
    assert listed["any"]["keys"] == {}
    assert listed["plain"]["help"] == "A plain class."


def test_malformed_adapters_cost_only_themselves(foreign) -> None:
    """Attributes that raise, a mapping that is none, an object that is no class, no metadata."""
    listed = rows("adapters", PYTHONPATH=foreign)
    for name in ("hostile", "nothing", "broken"):
        assert listed[name]["available"]
        assert listed[name]["unsupported"] == {}
    assert listed["plain"]["unsupported"] == {"unit": "3"}
    assert listed["plain"]["distribution"] == listed["plain"]["version"] == ""
    assert not listed["absent"]["available"]
    assert "'not_there'" in listed["absent"]["reason"]
    assert listed["graphite"]["available"]


def test_malformed_samplers_cost_only_themselves(foreign) -> None:
    """What is no mapping is told; metrics that are none are none."""
    listed = rows("samplers", PYTHONPATH=foreign)
    assert not listed["none"]["available"]
    assert listed["none"]["reason"].startswith("is not a sampler")
    assert listed["odd"]["metrics"] == ["a", "b"]
    assert "process.cpu.time".removeprefix("process.") in listed["process"]["metrics"]


def test_a_group_of_instruments_is_listed_as_any_sampler_is() -> None:
    """With its metrics; one whose package is not installed says so."""
    listed = rows("samplers")["celery"]
    if listed["available"] is True:
        assert "task.duration" in listed["metrics"]
    else:
        assert "celery" in listed["reason"]


def test_people_get_lines_that_fit_a_terminal(foreign) -> None:
    """With the unsupported in words; a remedy stays on its line, to be copied."""
    done = sampler("list", PYTHONPATH=foreign)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines if "unavailable" not in line)
    assert "Does not carry: unit, help, kind" in " ".join(done.stdout.split())


def test_what_a_taken_name_leaves_out_is_listed(tmp_path) -> None:
    """With what stands, for samplers of every group and for adapters."""
    for name in ("one", "two"):
        site = Site(tmp_path / name)
        source = f'SAMPLER = {{"name": "zz_same", "sample": list, "metrics": {{"{name}": {{}}}}}}'
        files = {f"zz_{name}.py": source}
        group = f"{SAMPLERS}.zz_lib" if name == "two" else SAMPLERS
        site.install(f"dist-{name}", {"zz_same": f"zz_{name}:SAMPLER"}, group=group, files=files)
    path = f"{tmp_path / 'one'}:{tmp_path / 'two'}"
    done = sampler("list", "samplers", "--json", PYTHONPATH=path)
    first, second = (row for row in json.loads(done.stdout) if row["name"] == "zz_same")
    assert (first["distribution"], first["metrics"]) == ("dist-one", ["one"])
    assert (second["distribution"], second["available"]) == ("dist-two", False)
    assert second["reason"] == (
        "'zz_one:SAMPLER' of distribution 'dist-one' has that name and comes first on sys.path"
    )
    assert "unavailable: 'zz_one:SAMPLER'" in sampler("list", "samplers", PYTHONPATH=path).stdout


def test_an_entry_point_of_another_name_than_its_samplers_is_listed_as_unusable(tmp_path) -> None:
    """It looks well, and nobody collects it."""
    source = 'SAMPLER = {"name": "zz_right", "sample": list, "metrics": {"a": {}}}'
    Site(tmp_path).install("dist", {"zz_wrong": "zz_odd:SAMPLER"}, files={"zz_odd.py": source})
    row = rows("samplers", PYTHONPATH=str(tmp_path))["zz_wrong"]
    reason = "its entry point is called 'zz_wrong' but the sampler 'zz_right': they must agree"
    assert (row["available"], row["reason"]) == (False, f"not collected: {reason}")


@pytest.mark.parametrize(
    ("module", "remedy"),
    [
        ("apscheduler", "needs 'apscheduler': pip install apscheduler"),
        ("psycopg_pool", "needs 'psycopg_pool': pip install 'psycopg[pool]'"),
    ],
)
def test_a_sampler_without_its_package_names_what_to_install(tmp_path, module, remedy) -> None:
    """The package: there is no extra of ours that would bring it."""
    (tmp_path / f"{module}.py").write_text(f"raise ModuleNotFoundError(name={module!r})")
    assert rows("samplers", PYTHONPATH=str(tmp_path))[module]["reason"] == remedy
