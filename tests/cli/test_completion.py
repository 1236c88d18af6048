"""What shells complete, in the shells themselves."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from sampler.cli.completion import SHELLS
from tests.support.command import sampler

BASH = """
source {script}
COMP_WORDS=({line} "{word}") COMP_CWORD={at} COMP_LINE="{line} {word}"
COMP_POINT=${{#COMP_LINE}}
_shtab_sampler sampler "{word}" "{before}" 2> /dev/null
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
ZSH = """
zmodload zsh/zpty
zpty -b shell zsh -f -i
zpty -w shell 'PS1= ; fpath=({folder} $fpath); autoload -U compinit; compinit -u -d {folder}/dump'
zpty -w shell 'print -- "begin""ning"'
zpty -r shell seen '*beginning*'
zpty -n -w shell 'sampler '$'\\t\\t'
repeat 300; do
    zpty -r -t shell seen && all+=$seen || sleep 0.1
    [[ $all == *"Print the version"* ]] && break
done
print -r -- $all
"""


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    """The scripts, each as a shell looks for it."""
    pytest.importorskip("shtab")
    folder = tmp_path_factory.mktemp("completions")
    for shell, name in (("bash", "sampler"), ("zsh", "_sampler")):
        done = sampler("completion", shell)
        assert (done.returncode, done.stderr) == (0, "")
        (folder / name).write_text(done.stdout)
    return folder


def completed(scripts, line, word=""):
    """Return what bash offers for a word after a line."""
    words = line.split()
    text = BASH.format(
        script=scripts / "sampler", line=line, word=word, at=len(words), before=words[-1]
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", text], cwd=scripts, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("line", "word", "offered"),
    [
        ("sampler", "ch", {"check"}),
        ("sampler", "--v", {"--version"}),
        ("sampler config", "s", {"sample", "schema"}),
        ("sampler run", "--no", {"--no-wrap"}),
        ("sampler run", "--listen", set()),
        ("sampler run --log-format", "", {"text", "json"}),
        ("sampler completion", "", {"bash", "zsh"}),
        ("sampler check -c", "_sam", {"_sampler"}),
    ],
)
def test_bash_offers_commands_options_choices_and_files(scripts, line, word, offered) -> None:
    """But none of what is hidden."""
    assert completed(scripts, line, word) == offered


def test_zsh_offers_commands_with_what_they_do(request, scripts) -> None:
    """In a terminal of its own, as somebody presses Tab."""
    if shutil.which("zsh") is None:
        reason = "zsh is missing: tests/support/install_servers.sh"
        if request.config.getoption("--require-servers"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    done = subprocess.run(
        ["zsh", "-f", "-c", ZSH.format(folder=scripts)],
        env={**os.environ, "TERM": "dumb", "COLUMNS": "200", "LINES": "50"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Check that a sampler does what the PEP requires" in done.stdout, done


def test_without_its_package_it_says_which_extra_has_it(tmp_path) -> None:
    """And ends as everything does for want of a package."""
    (tmp_path / "shtab.py").write_text("raise ModuleNotFoundError('no', name='shtab')")
    done = sampler("completion", "bash", PYTHONPATH=str(tmp_path))
    assert done.returncode == 69
    assert done.stdout == ""
    assert "pip install 'sampler-api[completion]'" in done.stderr


def test_another_shell_is_refused() -> None:
    """By its name, with those that there are."""
    done = sampler("completion", "fish")
    assert done.returncode == 2
    assert all(shell in done.stderr for shell in SHELLS)
