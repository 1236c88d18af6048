"""What HTTP costs programs that do not use it."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = "import sys, {0}; print('h11' in sys.modules)"


@pytest.mark.parametrize(
    "name", ["sampler", "sampler.agent", "sampler_graphite", "sampler_statsd"]
)
def test_h11_is_imported_where_http_is_spoken_only(name):
    """Neither the agent nor adapters of other protocols import it."""
    command = [sys.executable, "-c", CODE.format(name)]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "False\n"
