"""Programs that can write nowhere: no folder, no byte, no home."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import environment
from tests.support.doubles import LineSink

if sys.platform != "linux":
    pytest.skip("identities need no folder on Linux only", allow_module_level=True)

ROOT = Path(__file__).parents[2]
READ_ONLY = r"""
mount --make-rprivate /
awk '{print $2}' /proc/mounts | sort -u | while read -r point; do
    case $point in
        /proc*|/sys*|/dev|/dev/pts) ;;
        *) mount -o remount,ro,bind "$point" 2>/dev/null ;;
    esac
done
if (: > "$1/written") 2>/dev/null; then mount --bind / / && mount -o remount,ro,bind /; fi
shift
exec "$@"
"""
PROGRAM = """
import json, logging, resource, sys, tempfile, threading
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    tempfile.gettempdir()
except OSError:
    nowhere = True
else:
    nowhere = False
import sampler.agent
told = threading.Event()
logging.basicConfig(format="%(message)s")
logging.getLogger("sampler").addFilter(
    lambda record: "wait in memory only" not in record.getMessage() or told.set() or True
)
agent = sampler.agent.start(sys.argv[1])
assert agent.alive()
assert told.wait(40 if nowhere else 0) == nowhere
sampler.agent.stop()
(balance,) = agent.balances().values()
print(json.dumps([agent.identity["instance"], balance.delivered > 0, balance.holds, nowhere]))
"""


def bare(folder: Path) -> dict[str, str]:
    """Return an environment that names no folder but one that is not there."""
    kept = environment(PYTHONPATH=str(ROOT), PYTHONDONTWRITEBYTECODE="1")
    for name in ("HOME", "XDG_RUNTIME_DIR", "TEMP", "TMP"):
        kept.pop(name, None)
    return {**kept, "TMPDIR": str(folder / "nowhere")}


def run(folder: Path, *command: object, before: tuple[str, ...] = ()) -> tuple[str, str]:
    done = subprocess.run(
        [*before, sys.executable, *map(str, command)],
        cwd="/",
        env=bare(folder),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def configured(folder: Path, port: int) -> Path:
    file = folder / "sampler.toml"
    file.write_text(
        f'interval = 0.2\nservice = "ro_{os.getpid()}"\n[samplers]\nenable = ["process"]\n'
        f'[adapters.graphite]\nhost = "127.0.0.1"\nport = {port}\nspool = "{folder}/spool"\n'
    )
    return file


@pytest.fixture(params=["nothing", "no byte", "read-only"])
def surroundings(request: pytest.FixtureRequest, tmp_path) -> tuple[tuple[str, ...], int]:
    """How a program is started, and how large a file of it may be."""
    if request.param != "read-only":
        return (), 0 if request.param == "no byte" else -1
    return ("unshare", "-m", "sh", "-c", READ_ONLY, "sh", str(tmp_path)), -1


@pytest.mark.scenario(51)
@pytest.mark.netns
def test_an_agent_starts_and_delivers(tmp_path, surroundings) -> None:
    """Its instance is a number as elsewhere; its spool says once that it is in memory only."""
    before, largest = surroundings
    with LineSink() as sink:
        file = configured(tmp_path, sink.port)
        out, err = run(tmp_path, "-c", PROGRAM, file, largest, before=before)
        instance, delivered, holds, nowhere = json.loads(out)
        assert (instance, delivered, holds) == ("0", True, True)
        assert sink.lines
    assert nowhere == bool(before or not largest), "the surroundings are what they say"
    assert err.count("wait in memory only") == nowhere
    assert not (tmp_path / "written").exists()


@pytest.mark.scenario(51)
@pytest.mark.netns
def test_the_commands_work(tmp_path, surroundings) -> None:
    """``check`` says that the spool cannot be written to, where that is so."""
    before, _ = surroundings
    with LineSink() as sink:
        file = configured(tmp_path, sink.port)
        out, err = run(tmp_path, "-m", "sampler", "check", "-c", file, before=before)
        assert "fine" in out
        assert ("cannot write" in err) == bool(before)
        out, _ = run(tmp_path, "-m", "sampler", "run", "--once", "-c", file, before=before)
        assert "0 dropped" in out
