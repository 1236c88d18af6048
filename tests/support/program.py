"""A program with an agent, as a process of its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

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
