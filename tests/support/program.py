"""A program with an agent, as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.command import environment

if TYPE_CHECKING:
    from tests.support.doubles import LineSink

ROOT = Path(__file__).parents[2]


def program(
    folder: Path, sink: LineSink, text: str, *arguments: str, begin: str = ""
) -> subprocess.Popen[str]:
    """Start a program; its arguments are a file for a configuration, the sink's port, and others.

    Args:
        folder: where the program and its configuration are.
        sink: what its numbers are sent to.
        text: the program.
        arguments: others.
        begin: what stands before the text.
    """
    file = folder / "program.py"
    file.write_text(begin + textwrap.dedent(text))
    return subprocess.Popen(
        [
            sys.executable,
            "-Wignore::DeprecationWarning",  # of forks beside threads
            file,
            folder / "sampler.toml",
            str(sink.address[1]),
            *arguments,
        ],
        env=environment(PYTHONPATH=str(ROOT)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def told_by(folder: Path, sink: LineSink, text: str, *, begin: str) -> tuple[Any, str]:
    """Run a program to its end, which is to be a good one; the arguments are as of `program`.

    Returns:
        What it printed, read as JSON, and what it logged.
    """
    with program(folder, sink, text, begin=begin) as process:
        said, errors = process.communicate(timeout=90)
    assert process.returncode == 0, errors
    return json.loads(said or "null"), errors
