"""A key that another one replaces works as before, and whoever writes it is told."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.support.command import running, sampler
from tests.support.waiting import wait_for

_MODULE = '''
import attrs
from sampler.agent import DELIVERED, Batch, option


@attrs.define
class Sink:
    """Writes how many entries came into a file."""

    file: str = option("", "Where to write.")
    path: str = option("", "Where to write.", replaced_by="file")

    def encode(self, snapshot, since):
        yield Batch((b"x",), len(snapshot))

    def send(self, batch, timeout):
        if batch.samples:
            with open(self.file or self.path, "a") as file:
                file.write(f"{batch.samples}\\n")
        return DELIVERED
'''
SAID = "sampler.toml: adapters.sink.path is deprecated: write adapters.sink.file instead"


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A folder with a distribution of an adapter, and a configuration that has the old key."""
    (tmp_path / "sink.py").write_text(_MODULE)
    info = tmp_path / "sink-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sink\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[sampler.adapters]\nsink = sink:Sink\n")
    (tmp_path / "sampler.toml").write_text("interval = 0.2\n[adapters.sink]\npath = 'came'\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def test_the_check_says_it_and_is_content(home) -> None:
    """With both keys by name."""
    done = sampler("check", cwd=home)
    assert done.returncode == 0, done.stderr
    assert SAID in done.stderr.splitlines()


def test_the_log_says_it_at_the_start_and_the_key_works(home) -> None:
    """As it did before it had a successor."""
    with running("run", cwd=home) as process:
        wait_for((home / "came").exists, 30, "an entry")
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=30)
    assert said.count(SAID) == 1


def test_old_and_new_together_are_a_problem(home) -> None:
    """Nobody could say which of them holds."""
    (home / "sampler.toml").write_text("[adapters.sink]\npath = 'a'\nfile = 'b'\n")
    done = sampler("check", cwd=home)
    assert done.returncode == 78
    assert "adapters.sink.path: adapters.sink.file replaces it: leave one of them" in done.stderr


def test_editors_and_readers_are_told(home) -> None:
    """The schema has its word for it; a new file does not get the key."""
    key = json.loads(sampler("config", "schema", cwd=home).stdout)["$defs"]["sink"]["properties"]
    assert key["path"]["deprecated"] is True
    assert "deprecated" not in key["file"]
    assert "write file instead" in sampler("explain", "adapters.sink.path", cwd=home).stdout
    written = sampler("config", "sample", cwd=home).stdout
    assert '# file = ""' in written
    assert '# path = ""' not in written.partition("[adapters.sink]")[2].partition("[adapters")[0]
