"""The ``textfile`` adapter on a real node_exporter: what it serves, and what a file never is."""

from __future__ import annotations

import math
import os
import stat
import subprocess
import sys
import threading

import pytest
from hypothesis import HealthCheck, given, settings

from sampler import ConfigurationError
from sampler.agent import DELIVERED, Batch, HistogramValue, Unavailable
from sampler.agent.config.reading import parse
from sampler_prometheus import Textfile
from tests.adapters.shapes import (
    IDENTITY,
    block,
    counter,
    gauge,
    histogram,
    snapshot,
    snapshot_of,
    snapshots,
)
from tests.adapters.test_real_receivers import hostile
from tests.servers.test_pushgateway import expected
from tests.support.command import environment
from tests.support.servers import NodeExporter

ERROR = "node_textfile_scrape_error", ()
OWN = "process_"


@pytest.fixture
def exporter(launch):
    """A node_exporter of the test's own."""
    return launch(NodeExporter)


def adapter(exporter, name="{service}.prom", **keys):
    """Return an adapter that writes where the exporter reads."""
    return Textfile(path=f"{exporter.folder}/{name}", **keys)


def write(to, shot):
    """Write a snapshot; return the outcome, or None when there is nothing to write."""
    outcomes = [to.send(batch, 10.0) for batch in to.encode(shot, {})]
    return outcomes[0] if outcomes else None


def served(exporter):
    """Return what is served of the files, without node_exporter's own process."""
    found = exporter.samples()
    assert found.pop(ERROR) == 0
    return {key: value for key, value in found.items() if not key[0].startswith(OWN) or key[1]}


def spelled(found):
    """Return samples with bounds spelled as Python does."""
    return {
        (name, tuple((k, str(float(v)) if k == "le" else v) for k, v in labels)): value
        for (name, labels), value in found.items()
    }


def test_a_file_is_served_as_it_was_written(exporter):
    """All kinds, under the service's name; the next one replaces all of it."""
    to = adapter(exporter)
    first = snapshot(
        (gauge("pool.size", "By", "Size.", state="idle"), 4),
        (counter("pool.hits"), 7),
        (histogram("pool.wait", "s"), HistogramValue(3, 2.5, ((0.5, 1), (2.0, 3)))),
    )
    assert write(to, first) is DELIVERED
    assert spelled(served(exporter)) == expected(first, service="shop")
    write(to, snapshot((gauge("pool.up"), 1)))
    assert served(exporter) == {("pool_up", (("service", "shop"),)): 1}
    assert [each.name for each in exporter.folder.iterdir()] == ["shop.prom"]


def test_hostile_entries_are_served_one_by_one(exporter):
    """With nothing in them that spoils the page."""
    shot = snapshot_of(block(*hostile()))
    write(adapter(exporter), shot)
    wanted, found = expected(shot, service="shop"), spelled(served(exporter))
    assert found.keys() == wanted.keys()
    assert all(math.isclose(found[key], value, rel_tol=1e-12) for key, value in wanted.items())


def test_any_snapshot_is_served(exporter):
    """Whatever its names, labels and values are; a label of its own named service stands."""

    @settings(max_examples=40, suppress_health_check=list(HealthCheck))
    @given(snapshots())
    def taken(shot):
        to = adapter(exporter)  # whoever came first keeps a name
        batches = list(to.encode(shot, {}))
        assert sum(batch.entries for batch in batches) == len(shot)
        for batch in batches:
            assert to.send(batch, 10.0) is DELIVERED
        if batches and batches[0].samples:
            assert served(exporter)

    taken()


def test_many_files_with_the_same_metrics_are_served_side_by_side(exporter):
    """Their texts of help differ, and node_exporter has metrics of such names itself."""
    for service in ("shop", "backup"):
        shot = snapshot(
            (gauge("process.start_time", "s", f"Start of {service}."), 5),
            (gauge("job.duration", "s", f"How long {service} took."), 3),
            identity={**IDENTITY, "service": service},
        )
        write(adapter(exporter, labels={"service": "{service}", "on": '"{host}"'}), shot)
    pairs = [(("on", '"web.example"'), ("service", each)) for each in ("backup", "shop")]
    found = served(exporter)
    assert {key for key in found if key[0] == "job_duration_seconds"} == {
        ("job_duration_seconds", each) for each in pairs
    }
    assert {key for key in found if key[0] == "process_start_time_seconds"} == {
        ("process_start_time_seconds", each) for each in pairs
    }
    assert "error gathering" not in exporter.log()


def test_a_label_of_a_series_own_stands(exporter):
    """As anywhere; the others have the file's."""
    to = adapter(exporter)
    write(to, snapshot((gauge("a.b", service="mine"), 1), (gauge("a.b", zone=',service="'), 2)))
    assert set(served(exporter)) == {
        ("a_b", (("service", "mine"),)),
        ("a_b", (("service", "shop"), ("zone", ',service="'))),
    }


def test_a_job_keeps_what_a_failed_run_does_not_report(exporter):
    """Family by family; without ``keep`` the file is what was written last."""
    good = (gauge("job.last_success", "s"), 5), (counter("job.rows", table="a"), 12)
    bad = ((counter("job.rows", table="b"), 3),)
    to = adapter(exporter, keep=True)
    for shot in (snapshot(*good), snapshot(*bad), snapshot(*bad)):
        assert write(to, shot) is DELIVERED
    assert {name for name, _ in served(exporter)} == {
        "job_last_success_seconds",
        "job_rows_total",
    }
    assert len(served(exporter)) == 2
    write(adapter(exporter), snapshot(*bad))
    assert {name for name, _ in served(exporter)} == {"job_rows_total"}


def test_no_reader_sees_half_a_file(tmp_path):
    """While it is written again and again; nothing else is left in the folder."""
    to = Textfile(path=f"{tmp_path}/a.prom")
    shot = snapshot_of(block(*((gauge("a.b", n=str(n)), n) for n in range(2_000))))
    write(to, shot)
    whole = (tmp_path / "a.prom").read_bytes()
    over = threading.Event()
    seen = set()

    def read():
        while not over.is_set():
            seen.add((tmp_path / "a.prom").read_bytes() == whole)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(50):
        assert write(to, shot) is DELIVERED
    over.set()
    reader.join()
    assert seen == {True}
    assert [each.name for each in tmp_path.iterdir()] == ["a.prom"]


def test_the_file_can_be_read_by_others_whatever_the_umask(tmp_path):
    """As node_exporter is another user; a link at the temporary name is not followed."""
    secret = tmp_path / "secret"
    secret.write_text("keep")
    (tmp_path / f".a.prom.{os.getpid()}").symlink_to(secret)
    before = os.umask(0o077)
    try:
        write(Textfile(path=f"{tmp_path}/a.prom"), snapshot((gauge("a.b"), 1)))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.prom").stat().st_mode) == 0o644
    assert secret.read_text() == "keep"


@pytest.mark.parametrize("fault", ["no folder", "a folder", "full"])
def test_a_file_that_cannot_be_written_is_said_and_what_was_there_stays(tmp_path, fault):
    """With its path and the reason; nothing is left beside it."""
    path = tmp_path / "a.prom"
    to = Textfile(path=str(path))
    if fault == "no folder":
        to = Textfile(path=f"{tmp_path}/none/a.prom")
    elif fault == "a folder":
        path.mkdir()
    else:
        write(to, snapshot((gauge("a.b"), 1)))
    before = sorted(tmp_path.iterdir())
    if fault == "full":
        code = (
            "import resource, sys; from tests.servers.test_textfile import *\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (5, 5))\n"
            "try: write(Textfile(path=sys.argv[1]), snapshot((gauge('a.b'), 2)))\n"
            "except Unavailable as error: print(error)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)],
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == f"{path}: File too large\n"
        assert path.read_text().endswith("} 1\n")
    else:
        with pytest.raises(Unavailable, match=r"a\.prom: (No such file|Is a directory)"):
            write(to, snapshot((gauge("a.b"), 1)))
    assert sorted(tmp_path.iterdir()) == before


def test_check_asks_whether_the_folder_can_be_written(tmp_path):
    """Without a file."""
    assert Textfile(path=f"{tmp_path}/{{service}}.prom").send(Batch((), 0), 1.0) is DELIVERED
    with pytest.raises(Unavailable, match="cannot write into /nonesuch"):
        Textfile(path="/nonesuch/{service}.prom").send(Batch((), 0), 1.0)
    assert list(tmp_path.iterdir()) == []


def test_a_service_is_no_path(tmp_path):
    """Whatever its name is, the file stays in its folder."""
    to = Textfile(path=f"{tmp_path}/in/{{service}}.prom")
    (tmp_path / "in").mkdir()
    write(to, snapshot((gauge("a.b"), 1), identity={**IDENTITY, "service": "../../x/y"}))
    (file,) = (tmp_path / "in").iterdir()
    assert file.suffix == ".prom"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"path": "a.prom"}, "path: must be an absolute path"),
        ({"path": "/a"}, "path: must end in .prom"),
        ({"path": "/{x}.prom"}, "path: unknown placeholder {x}"),
        ({"labels": {"a-b": "x"}}, "labels: 'a-b' cannot be a label"),
        ({"labels": {"a": "{x}"}}, "labels: a: unknown placeholder {x}"),
        ({"keep": "yes"}, "keep: expected true or false"),
    ],
)
def test_a_bad_key_says_what_is_wrong(keys, said):
    """As for every adapter."""
    with pytest.raises(ConfigurationError) as caught:
        parse({"adapters": {"textfile": keys}})
    assert said in str(caught.value)
