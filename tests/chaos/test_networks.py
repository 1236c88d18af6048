"""The kernel's own faults, each in a network namespace of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
INSIDE = HERE / "inside_namespace.py"
ROOM = """\
set -e
ip link set lo up
echo 'nameserver 127.0.0.2' > "$1/resolv.conf"
mount --bind "$1/resolv.conf" /etc/resolv.conf
shift
exec "$@"
"""


@pytest.mark.netns
@pytest.mark.parametrize(
    "test",
    [
        pytest.param("test_a_firewall_that_drops_syn", marks=pytest.mark.scenario(2)),
        pytest.param(
            "test_a_connection_that_goes_dark_once_established", marks=pytest.mark.scenario(3)
        ),
        pytest.param("test_a_dead_name_server", marks=pytest.mark.scenario(6)),
        pytest.param("test_every_fifth_packet_lost", marks=pytest.mark.scenario(14)),
    ],
)
def test_in_a_namespace(test, tmp_path):
    """See `inside_namespace.py`, which runs there."""
    run(test, tmp_path)


@pytest.mark.netns
@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.scenario(14)
def test_a_minute_of_losses_at_random(tmp_path):
    """See `inside_namespace.py`, which runs there."""
    run("test_a_fifth_of_all_packets_lost_at_random", tmp_path)


def run(test: str, folder: Path) -> None:
    """Run a test of `inside_namespace.py` in a network of its own."""
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        ["unshare", "-nm", "sh", "-c", ROOM, "room", folder, *pytest_, f"{INSIDE}::{test}"],
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
