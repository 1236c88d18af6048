"""No public name or signature changes unless the changelog names it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tests.api.changes import (
    CHANGELOG,
    LIST,
    ROOT,
    Change,
    changes,
    listed,
    present,
    report,
    unexplained,
    written,
)
from tests.api.surface import surface

if TYPE_CHECKING:
    from pathlib import Path

LOG = "# Changelog\n\n## Unreleased\n\n{}\n\n## 0.1\n\n- `Old.name` and `sampler.gone`.\n"


def _copied(folder: Path) -> list[Path]:
    """Return search paths of a copy of the code that may be changed."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "sampler", folder / "sampler", ignore=ignore)
    shutil.copytree(ROOT / "adapters", folder / "adapters", ignore=ignore)
    return [folder, folder / "adapters"]


def test_public_names_are_as_listed_or_the_changelog_names_the_change() -> None:
    """The list is written anew by a command that the message names."""
    missing = unexplained(changes(listed(LIST.read_text()), present()), CHANGELOG.read_text())
    assert not missing, report(missing)


def test_a_changed_signature_is_seen_wherever_it_stands(tmp_path) -> None:
    """A parameter, a default of an option, a class that is renamed; help texts may change."""
    before = present()
    paths = _copied(tmp_path)
    for file, old, new in (
        ("sampler/_registry/registry.py", "def unregister(self, name: str)", None),
        ("adapters/sampler_statsd/_adapter.py", "option(8125,", "option(8126,"),
        ("adapters/sampler_graphite/_adapter.py", "Where carbon or a relay runs", "Where"),
        ("sampler/types.py", "class Environ(", "class Environment("),
        ("sampler/_instruments/group.py", ") -> LabelledGauge: ...", ") -> object: ..."),
    ):
        text = (tmp_path / file).read_text()
        assert old in text
        replacement = new or old.replace("name: str", "name: str, hurry: bool = False")
        (tmp_path / file).write_text(text.replace(old, replacement))
    found = list(changes(before, surface(paths)))
    assert (
        Change(
            "sampler.Registry.unregister",
            "(name: str) -> None",
            "(name: str, hurry: bool = False) -> None",
        )
        in found
    )
    assert Change("sampler_statsd.StatsD.port", ": int = 8125", ": int = 8126") in found
    assert {change.name for change in found} == {
        "sampler.Instruments.gauge",
        "sampler.Registry.unregister",
        "sampler.types.Environ",
        "sampler.types.Environment",
        "sampler_statsd.StatsD.port",
    }


def test_a_change_passes_once_the_changelog_names_it() -> None:
    """As code, under "Unreleased"; a member with its class, anything else by its last word."""
    found = [
        Change("sampler.Registry.unregister", "()", "(name)"),
        Change("sampler.gone", "", None),
    ]
    for line, missing in (
        ("- `Registry.unregister(name)` takes a name; `gone` is gone.", []),
        ("- `sampler.Registry.unregister`, `sampler.gone`.", []),
        ("- Registry.unregister takes a name; `gone` is gone.", found[:1]),
        ("- `unregister` takes a name; `gone` is gone.", found[:1]),
        ("- `Registry` is better.", found),
        ("", found),
    ):
        assert unexplained(iter(found), LOG.format(line)) == missing, line
    assert unexplained(iter(found), "# Changelog\n") == found


def test_the_message_says_which_name_and_what_to_do() -> None:
    """What it was, what it is, where to write and the command."""
    text = report([Change("sampler.Registry.unregister", "()", "(name)"), Change("a", None, "()")])
    for part in (
        "sampler.Registry.unregister: was ()\n",
        "is (name)",
        "a: new: ()",
        "tests/api/public.txt",
        "'## Unreleased' in CHANGELOG.md",
        "python -m tests.api --write",
    ):
        assert part in text


def test_a_list_is_read_back_as_it_was_written() -> None:
    """Names, and signatures of every kind."""
    assert listed(written(present())) == present()
    assert {"sampler.register", "sampler.agent.Agent.reload"} <= present().keys()


def test_a_class_that_comes_or_goes_is_one_change() -> None:
    """Not one for each member."""
    names = {"m.C": "class()", "m.C.a": "()", "m.C.b": ": int"}
    assert [change.name for change in changes({}, names)] == ["m.C"]
    assert [change.name for change in changes(names, {})] == ["m.C"]
    assert [c.name for c in changes(names, {**names, "m.C.a": "(x)"})] == ["m.C.a"]
