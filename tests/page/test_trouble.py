"""What authors have to see: samples that are refused, samplers that nobody collects."""

from __future__ import annotations

import importlib

from tests.page.rig import page_with
from tests.support.distributions import sites
from tests.support.waiting import wait_for


def test_a_sampler_whose_entry_point_has_another_name_is_trouble(tmp_path, monkeypatch) -> None:
    """The log says so once; the page, as long as the program runs."""
    for (site,) in sites(tmp_path, monkeypatch, "site"):
        files = {"zz_odd.py": 'SAMPLER = {"name": "zz_right", "sample": list}'}
        site.install("dist", {"zz_wrong": "zz_odd:SAMPLER"}, files=files)
        with page_with() as viewer:
            assert viewer.get("now.json")["trouble"] == []
            importlib.import_module("zz_odd")
            (trouble,) = wait_for(lambda: viewer.get("now.json")["trouble"], what="trouble")
        assert trouble["where"] == "sampler zz_wrong"
        assert trouble["what"] == (
            "it is not collected: its entry point is called 'zz_wrong' but the sampler "
            "'zz_right': they must agree"
        )
        assert trouble["remedy"]


def test_samples_that_are_refused_are_trouble() -> None:
    """By sampler and reason; what the configuration leaves out is none."""
    samples = [("x", 1, {"path": "x" * 3000}), ("y", 1), ("z", 1)]
    tables = {"samplers": {"drop": ["long.z"]}}
    with page_with({"name": "long", "sample": lambda: samples}, **tables) as viewer:

        def refused() -> bool:
            rows = viewer.get("now.json")["samplers"]
            return any(len(row["refused"]) == 2 for row in rows)

        wait_for(refused, what="samples that are refused")
        (trouble,) = wait_for(lambda: viewer.get("now.json")["trouble"], what="trouble")
    assert trouble["where"] == "sampler long"
    assert trouble["what"] == "samples of it are refused: label_value"
    assert "'sampler explain label_value'" in trouble["remedy"]
