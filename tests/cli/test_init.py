"""`sampler init`: what it writes, what it leaves alone, and which names it takes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sampler.cli.init import names
from sampler.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = ["library", "application", "adapter"]
LONG = "x" * names.MOST


def init(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Run the command; return its status, and what it printed and complained of."""
    status = main(["init", *words])
    said = capsys.readouterr()
    return status, said.out, said.err


def files(folder: Path) -> Iterator[str]:
    """Yield what is in a folder."""
    for each in sorted(folder.rglob("*")):
        if each.is_file():
            yield str(each.relative_to(folder))


@pytest.mark.parametrize("kind", KINDS)
def test_it_says_how_to_go_on_in_three_commands(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, kind: str
) -> None:
    """Install, test, and look at what is there."""
    status, out, err = init(capsys, kind, str(tmp_path / "my-thing"))
    assert (status, err) == (0, "")
    assert f"{len(list(files(tmp_path)))} files of {kind} 'my-thing'. Next:" in out
    first, second, third = (line.strip() for line in out.splitlines()[2:])
    assert first == f"cd {tmp_path / 'my-thing'} && python -m pip install -e '.[test]'"
    assert second == "python -m pytest"
    assert third.startswith("sampler ")
    assert "my_thing" in third


@pytest.mark.parametrize("kind", KINDS)
def test_no_name_of_a_template_is_left(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, kind: str
) -> None:
    """Neither in a file nor in its name."""
    init(capsys, kind, str(tmp_path), "--name", "tea-shop")
    for each in files(tmp_path):
        text = each + (tmp_path / each).read_text()
        assert not any(word in text for word in ("mypackage", "my-package", "MyPackage")), each
    assert f"src{os.sep}tea_shop{os.sep}__init__.py" in files(tmp_path)


def test_a_folder_gives_its_name(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """As near as a name can be."""
    for folder, name in (("My Shop", "my-shop"), ("TeaTime_2", "tea-time-2"), ("7up!", "up")):
        status, out, _ = init(capsys, "library", str(tmp_path / folder))
        assert (status, f"'{name}'" in out) == (0, True), folder


def test_here_is_the_default_folder(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a command to go there."""
    (tmp_path / "green-tea").mkdir()
    monkeypatch.chdir(tmp_path / "green-tea")
    status, out, _ = init(capsys, "library")
    assert status == 0
    assert "cd " not in out
    assert (tmp_path / "green-tea/src/green_tea/metrics.py").is_file()


@pytest.mark.parametrize(
    "words",
    [
        ["--framework", "asgi", "FOLDER"],
        ["FOLDER", "--framework", "asgi"],
        ["--framework=asgi", "FOLDER"],
        ["--frame", "asgi", "FOLDER"],
    ],
)
def test_options_may_stand_anywhere(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: list[str]
) -> None:
    """Before the folder, too."""
    folder = str(tmp_path / "web-shop")
    status, out, _ = init(
        capsys, "application", *(folder if word == "FOLDER" else word for word in words)
    )
    assert status == 0
    server = "uvicorn --workers 2 web_shop.app:app"
    assert out.splitlines()[-1] == f"  sampler run -- {server}"
    assert f"sampler run -- {server}\n" in (tmp_path / "web-shop/README.md").read_text()


def test_what_is_there_is_not_overwritten(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """All that would be is listed, and nothing is written, neither there nor beside."""
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / "src").write_text("a file where a folder has to be")
    (tmp_path / "pyproject.toml").symlink_to("nowhere")
    (tmp_path / "notes.txt").write_text("not in the way")
    before = sorted(tmp_path.iterdir())
    status, out, err = init(capsys, "library", str(tmp_path), "--name", "tea")
    assert (status, out) == (2, "")
    head, *listed = err.splitlines()
    assert head == "sampler init: nothing is written, as these would be overwritten:"
    found = {str(Path(line.strip()).relative_to(tmp_path)) for line in listed}
    assert {"README.md", "pyproject.toml", "src/tea/__init__.py"} <= found
    assert not any(each.startswith(("tests", "notes")) for each in found)
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "README.md").read_text() == "mine"


def test_other_files_may_be_in_the_folder(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """As in a clone of an empty repository."""
    (tmp_path / "LICENSE").write_text("mine")
    assert init(capsys, "adapter", str(tmp_path), "--name", "tea")[0] == 0
    assert (tmp_path / "LICENSE").read_text() == "mine"


def test_a_second_time_nothing_is_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Every file is in the way."""
    init(capsys, "library", str(tmp_path), "--name", "tea")
    status, _, err = init(capsys, "library", str(tmp_path), "--name", "tea")
    assert status == 2
    assert len(err.splitlines()) == 1 + len(list(files(tmp_path)))


@pytest.mark.parametrize("where", ["/proc/nothing", "file", "file/below"])
def test_a_folder_that_cannot_be_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, where: str
) -> None:
    """It says what is wrong."""
    (tmp_path / "file").write_text("")
    status, out, err = init(capsys, "library", str(tmp_path / where), "--name", "tea")
    assert (status, out) == (2, "")
    assert err.startswith("sampler init: ")
    assert "Traceback" not in err


def test_what_cannot_be_written_to_its_end_is_taken_back(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk."""
    opened = Path.open

    def full(path: Path, mode: str = "r", **options: str) -> object:
        if mode == "x" and path.name == "metrics.py":
            raise OSError(28, "No space left on device", str(path))
        return opened(path, mode, **options)

    monkeypatch.setattr(Path, "open", full)
    status, _, err = init(capsys, "library", str(tmp_path), "--name", "tea")
    assert status == 2
    assert err == f"sampler init: {tmp_path}/src/tea/metrics.py: No space left on device\n"
    assert list(files(tmp_path)) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("My Shop", "'my-shop' would do"),
        ("_tea", "'tea' would do"),
        ("tea--time", "'tea-time' would do"),
        ("9lives", "'lives' would do"),
        ("../tea", "'tea' would do"),
        ("tea\n", "'tea' would do"),
        ("tea.time", "'tea-time' would do"),
        (LONG + "x", f"40 characters at most; '{LONG}' would do"),
        ("\N{GREEK SMALL LETTER ALPHA}", "it begins with a lower-case letter"),
        ("", "it begins with a lower-case letter"),
        ("class", "cannot be a package's name"),
        ("tests", "cannot be a package's name"),
        ("mypackage", "cannot be a package's name"),
        ("queue", "Python has a module 'queue' already"),
        ("sampler", "Python has a module 'sampler' already"),
        ("process", "sampler 'process' is there already"),
    ],
)
def test_a_name_that_cannot_be_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, said: str
) -> None:
    """With a name that would do, or with what has it already; nothing is written."""
    status, out, err = init(capsys, "library", str(tmp_path / "new"), "--name", name)
    assert (status, out) == (2, "")
    assert said in err
    assert not (tmp_path / "new").exists()


def test_names_of_installed_adapters_are_taken(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It says by whom."""
    status, _, err = init(capsys, "adapter", str(tmp_path / "graphite"))
    assert status == 2
    assert "adapter 'graphite' is there already: 'sampler_graphite:Graphite'" in err
    assert "--name" in err


def test_an_option_of_another_kind_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Rather than ignored."""
    for kind, *words in (("library", "--framework", "flask"), ("adapter", "--instruments")):
        status, _, err = init(capsys, kind, str(tmp_path / "tea"), *words)
        assert status == 2
        assert f"{words[0]} goes with" in err
    assert not (tmp_path / "tea").exists()
