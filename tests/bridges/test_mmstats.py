"""Files of mmstats: one that mmstats 0.8.0 wrote under Python 2.7, by ``data/legacy.py``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler.bridges import mmstats as bridge
from tests.bridges.rig import key

FILE = Path(__file__).parent / "data" / "legacy.mmstats"
DATA = FILE.read_bytes()


def test_a_file_of_python_2_has_all_its_values():
    """Of every type: what mmstats' own reader says of it, too."""
    found = dict(bridge.parse(DATA))
    assert {name: value for name, value in found.items() if name.startswith("app.")} == {
        "app.requests": 42,
        "app.queueDepth": -7,
        "app.load": 0.75,
        "app.ratio": 0.5,
        "app.avg": 3.0,
        "app.up": True,
        "app.state": "rün",
        "app.big": 2**63,
        "app.small": -3,
        "app.byte": 5,
    }
    assert found["org.python.version"].startswith("2.7.18")


def test_files_are_a_sampler_and_texts_are_labels(pulls):
    """What only grows the configuration says."""
    pull = pulls(bridge.sampler_of(str(FILE), counters=["*.requests"]))
    found = pull()
    file = {"file": "legacy.mmstats"}
    assert found[key("mmstats.app.requests", file)] == 42
    assert found[key("mmstats.app.queue_depth", file)] == -7
    assert pull.kinds()[key("mmstats.app.requests", file)] == "counter"
    (texts,) = (dict(k[1]) for k in found if k[0] == "mmstats.mmstats.info")
    assert texts["app.state"] == "rün"
    assert pull.refused() == {"out_of_range": 1}  # 2**63


def test_a_file_that_is_none_costs_itself_only(pulls, tmp_path):
    """It is counted under its own name."""
    (tmp_path / "good.mmstats").write_bytes(DATA)
    (tmp_path / "bad.mmstats").write_bytes(b"\x02" + DATA[1:])
    found = pulls(bridge.sampler_of(str(tmp_path / "*.mmstats")))()
    assert found[key("mmstats.app.requests", {"file": "good.mmstats"})] == 42
    failed = {"bridge": "mmstats", "source": "bad.mmstats"}
    assert found[key("mmstats.bridge.failures", failed)] == 1


@given(st.integers(0, len(DATA)), st.binary(max_size=30))
def test_any_damage_is_said_or_does_no_harm(at, damage):
    """Whatever is written over it, and wherever it is cut."""
    for data in (DATA[:at], DATA[:at] + damage + DATA[at + len(damage) :]):
        try:
            list(bridge.parse(data))
        except ValueError:
            continue


@pytest.mark.parametrize("settings", [{}, {"files": 3}, {"files": "x", "counters": "y"}])
def test_bad_settings_are_refused(settings, pulls):
    """The file is never asked."""
    pull = pulls(bridge.SAMPLER, settings={"mmstats": settings})
    pull()
    assert len(pull.failures) == 1


def test_what_is_no_file_costs_itself_only(pulls, tmp_path):
    """A pipe would be waited for; anybody can make one in a folder for all."""
    (tmp_path / "good.mmstats").write_bytes(DATA)
    os.mkfifo(tmp_path / "pipe.mmstats")
    (tmp_path / "folder.mmstats").mkdir()
    pull = pulls(bridge.sampler_of(str(tmp_path / "*.mmstats")))
    found = pull()
    assert not pull.failures
    assert found[key("mmstats.app.requests", {"file": "good.mmstats"})] == 42
    for name in ("pipe.mmstats", "folder.mmstats"):
        assert found[key("mmstats.bridge.failures", {"bridge": "mmstats", "source": name})] == 1


def test_files_beyond_the_bound_are_left_out_with_a_word(pulls, tmp_path, monkeypatch):
    """Not in silence."""
    monkeypatch.setattr(bridge, "_MOST_FILES", 2)
    for name in "abc":
        (tmp_path / f"{name}.mmstats").write_bytes(DATA)
    found = pulls(bridge.sampler_of(str(tmp_path / "*.mmstats")))()
    assert len([each for each in found if each[0] == "mmstats.app.requests"]) == 2
    failed = {"bridge": "mmstats", "source": "others"}
    assert found[key("mmstats.bridge.failures", failed)] == 1
