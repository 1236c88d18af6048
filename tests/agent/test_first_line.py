"""What a program's log has of its agent when all is well."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.command import environment

PROGRAM = """
import sampler.agent
sampler.agent.start({"adapters": {"prometheus": {"listen": "127.0.0.1:0"}}})
sampler.agent.stop()
"""
SHOWN = """
import logging
logging.basicConfig()
logging.getLogger("sampler").setLevel(logging.INFO)
"""


def said(program: str) -> str:
    """Return what a program writes to its standard error."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stderr


def test_a_program_that_shows_information_is_told_that_the_agent_runs() -> None:
    """Where it listens or delivers, in one line."""
    line = said(SHOWN + PROGRAM)
    assert line.startswith("INFO:sampler:the agent runs with ")
    assert "prometheus (127.0.0.1:" in line
    assert line.count("\n") == 1


@pytest.mark.parametrize("program", [PROGRAM, SHOWN + "import sampler.agent"])
def test_nothing_is_said_otherwise(program: str) -> None:
    """As of any library: by a program that configures no logging, or starts no agent."""
    assert said(program) == ""
