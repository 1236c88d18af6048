"""The version says which commit it is where something tells, and nothing wrong elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from sampler.cli import version as said

ROOT = Path(__file__).parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Installed:
    """A distribution, with what its installer has noted of where it came from."""

    version = "1.2.3"

    def __init__(self, url):
        self._url = url

    def read_text(self, name):
        """Return a file of its metadata."""
        assert name == "direct_url.json"
        return self._url if isinstance(self._url, str | None) else json.dumps(self._url)


@pytest.fixture
def version(monkeypatch, tmp_path):
    """Say the version of an installation from ``url``, with or without what a build has noted."""

    def of(url, noted=None):
        file = tmp_path / "commit.txt"
        if noted is not None:
            file.write_text(noted)
        monkeypatch.setattr(said, "distribution", lambda _: Installed(url))
        monkeypatch.setattr(said, "_BUILT", file)
        return said.version().removeprefix("sampler-api 1.2.3").strip()

    return of


def test_a_wheel_says_what_its_build_has_noted(version):
    """From an index, from a file, and with changes that were in no commit."""
    assert version(None, f"{COMMIT}\n") == "(commit 0123456789ab)"
    assert version({"url": "file:///a.whl", "archive_info": {}}, f"{COMMIT}\n")
    assert version({"url": "file:///a", "dir_info": {}}, f"{COMMIT}+\n") == (
        "(commit 0123456789ab, with changes)"
    )


def test_an_installation_from_a_repository_says_its_commit(version):
    """As the installer knows it."""
    url = {"url": "https://host/x.git", "vcs_info": {"vcs": "git", "commit_id": COMMIT}}
    assert version(url) == "(commit 0123456789ab)"


@pytest.mark.parametrize("form", ["detached", "branch", "packed"])
def test_an_editable_installation_says_what_is_checked_out(version, tmp_path, form):
    """Whatever a build has noted there before; git itself need not be installed."""
    git = tmp_path / "checkout/.git"
    git.mkdir(parents=True)
    (git / "HEAD").write_text(f"{COMMIT}\n" if form == "detached" else "ref: refs/heads/main\n")
    if form == "branch":
        (git / "refs/heads").mkdir(parents=True)
        (git / "refs/heads/main").write_text(f"{COMMIT}\n")
    if form == "packed":
        (git / "packed-refs").write_text(f"# pack-refs with: peeled\n{COMMIT} refs/heads/main\n")
    url = {"url": (tmp_path / "checkout").as_uri(), "dir_info": {"editable": True}}
    assert version(url, "f" * 40) == "(commit 0123456789ab)"


@pytest.mark.parametrize(
    ("url", "noted"),
    [
        (None, None),
        (None, ""),
        (None, "not a commit\n"),
        ("{", None),
        ("[]", None),
        ({"url": "file:///nowhere", "dir_info": {"editable": True}}, None),
        ({"url": "x", "vcs_info": {"commit_id": "$(rm)"}}, None),
    ],
)
def test_where_nothing_tells_it_says_the_version_alone(version, url, noted):
    """And not a commit that might be another's."""
    assert version(url, noted) == ""


@pytest.fixture(scope="module")
def hook():
    """The module that the build runs."""
    pytest.importorskip("hatchling")
    spec = spec_from_file_location("commit_hook", ROOT / ".ci/hatch_build.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path):
    """A repository with one commit, and its folder's ``git``."""
    folder = tmp_path / "repository"
    folder.mkdir()

    def git(*words):
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        return subprocess.run(
            ["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True
        ).stdout.strip()

    git("init", "--quiet")
    (folder / "file").write_text("a")
    git("add", ".")
    git("commit", "--quiet", "-m", "first")
    return folder, git


def test_a_build_notes_the_commit(hook, checkout):
    """With a mark where files differ from it."""
    folder, git = checkout
    commit = git("rev-parse", "HEAD")
    assert hook.commit_of(folder) == commit
    (folder / "other").write_text("it is in no commit, and in no build")
    assert hook.commit_of(folder) == commit
    (folder / "file").write_text("b")
    assert hook.commit_of(folder) == f"{commit}+"


def test_a_build_notes_nothing_in_somebody_elses_repository(hook, checkout, monkeypatch):
    """As where an sdist was unpacked in it; nor where there is no repository, or no git."""
    folder, _ = checkout
    inner = folder / "unpacked"
    inner.mkdir()
    assert hook.commit_of(inner) == ""
    assert hook.commit_of(Path(sys.prefix)) == ""
    monkeypatch.setenv("PATH", str(inner))
    assert hook.commit_of(folder) == ""
