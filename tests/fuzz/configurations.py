"""Configurations that nobody would write: settings or problems, no traceback, flat memory.

``python -m tests.fuzz --configurations 10000 --through-run 200`` reads so many in one process, and
starts ``sampler run`` with so many.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sampler import ConfigurationError
from sampler.agent import options
from sampler.agent.config.plugins import installed_plugins
from sampler.agent.config.reading import read
from sampler.agent.config.settings import (
    DeliverySettings,
    ProgramSettings,
    SamplersSettings,
    Settings,
)
from sampler.cli.config.sample import sample
from tests.support.command import environment

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLES = {name: plugin.load() for name, plugin in installed_plugins().items()}
KEYS = sorted(
    {
        k
        for cls in (*TABLES.values(), ProgramSettings, SamplersSettings, DeliverySettings)
        for k in options(cls)
    }
)
SEEDS = [
    sample().encode(),
    b"""interval = 1
service = "fuzz"
[samplers]
enable = ["process"]
[adapters.graphite]
port = 1
""",
    b"""[adapters.prometheus]
listen = "127.0.0.1:0"
[adapters.statsd]
port = 1
tags = true
""",
    b"""[adapters.eu]
type = "graphite"
port = 1
prefix = "{service}.{host}"
quantiles = [0.5, 0.9]
[adapters.eu.paths]
"a.*" = "{name}.{labels}"
""",
    b"""[adapters.pushgateway]
url = "http://127.0.0.1:1"
timeout = 1
gzip = false
""",
    b"""flush_timeout = 0
[adapters.statsd]
port = 1
prefix = "${HOME}"
""",
]
VALUES = [
    *("0", "-1", "1", "70000", "9" * 30, "9" * 5_000, "0x" + "f" * 9_000, "1e999", "nan", "-inf"),
    *(
        "true",
        '""',
        '"${HOME}"',
        '"${NO_SUCH}"',
        '"${"',
        '"file:/dev/zero"',
        '"file:/"',
        '"x\\u0000"',
    ),
    *('"' + "x" * 20_000 + '"', '"{service"', '"a..b"', '"\\u001b[31m"', "1979-05-27", "07:32:00"),
    *(
        "[]",
        "[" * 40 + "]" * 40,
        "[" * 9_000,
        "[1, 'a']",
        "{}",
        "{a = {b = {c = 1}}}",
        "{a = " * 3_000,
    ),
]
BYTES = [
    b"\0",
    b"\xff",
    b"\r",
    b"\n",
    b'"',
    b"'''",
    b"[",
    b"]]",
    b"=",
    b".",
    b"#",
    b"\xef\xbb\xbf",
    b"${",
]
_LARGEST = 2 * 2**20
"""Bytes of a configuration, twice what is read."""
PATIENCE = 60.0
"""Seconds in which a program ends, on a machine that others use, too."""
TOLD = 4.0
"""Seconds after which one that runs is told to stop."""
_LOOPBACK = ("127.0.0.1", "localhost")


def configurations(count: int, seed: int) -> Iterator[bytes]:
    """Yield so many configurations, the same for the same seed."""
    chance = random.Random(seed)
    for _ in range(count):
        data = chance.choice(SEEDS)
        if chance.random() < 0.1:
            data = chance.randbytes(chance.randrange(400))
        for _ in range(chance.choice([0, 1, 1, 1, 2, 8])):
            data = _mutated(data, chance)
        yield data


def _mutated(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    at = chance.randrange(len(lines))
    how = chance.randrange(8)
    if how == 0:
        key = chance.choice([*KEYS, "x", '""', "a.b", '"\\n"'])
        lines.insert(at, f"{key} = {chance.choice(VALUES)}".encode())
    elif how == 1:
        lines[at] = lines[at].partition(b"=")[0] + b"= " + chance.choice(VALUES).encode()
    elif how == 2:
        table = chance.choice(
            ["samplers", "adapters", *(f"adapters.{name}" for name in TABLES), "x"]
        )
        lines.insert(at, f"[{table}]".encode())
    elif how == 3:
        del lines[at]
    elif how == 4:
        lines[at:at] = lines[: chance.randrange(len(lines) + 1)] * _times(data, chance, 300)
    elif how == 5:
        lines[at] = lines[at] * _times(data, chance, 50)
    else:
        text, place = lines[at], chance.randrange(len(lines[at]) + 1)
        foreign = chance.choice([chance.choice(BYTES), chance.randbytes(3)])
        lines[at] = text[:place] + foreign + text[place + (how == 7) :]
    return b"\n".join(lines)[:_LARGEST]


def _times(data: bytes, chance: random.Random, most: int) -> int:
    return chance.choice([1, 2, min(most, 1 + _LARGEST // (1 + len(data)))])


def run(count: int, seed: int) -> dict[str, Any]:
    """Read so many configurations in this process; whatever is no problem of theirs is raised.

    Returns:
        How many were settings, how many had problems, the CPU seconds of the slowest, and by how
        many KiB the process grew over the second half.
    """
    outcomes: Counter[str] = Counter()
    slowest, half = 0.0, 0
    with tempfile.TemporaryDirectory() as folder:
        file = _file(folder)
        for number, data in enumerate(configurations(count, seed)):
            file.write_bytes(data)
            began = time.process_time()
            outcomes[type(_read(file, data)).__name__] += 1
            slowest = max(slowest, time.process_time() - began)
            if number == count // 2:
                half = _resident()
    grown = _resident() - half
    return {**outcomes, "slowest": round(slowest, 3), "grown_kib": grown}


def through_run(count: int, seed: int) -> dict[str, Any]:
    """Start ``sampler run`` with so many; raise where one ends otherwise than it should."""
    statuses: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        file = _file(folder)
        for data in configurations(count, seed):
            file.write_bytes(data)
            found = _read(file, data)
            if isinstance(found, ConfigurationError):
                status, said = _ran(file, "run", "-c")
                assert status == 78, (status, said, data)
            else:
                mode = ("run", "-c") if _harmless(found) else ("run", "--test", "-c")
                status, said = _ran(file, *mode, told_after=TOLD)
                assert status in (0, 69, 78, -signal.SIGTERM), (status, said, data)
            assert "Traceback" not in said, (said, data)
            assert len(said.splitlines()) < 200, (said, data)
            statuses[str(status)] += 1
    return dict(statuses)


def _file(folder: str) -> Path:
    file = Path(folder) / "sampler.toml"
    file.touch(0o600)
    return file


def _read(file: Path, data: bytes) -> Settings | ConfigurationError:
    try:
        return read(file)
    except ConfigurationError as error:
        assert error.problems, data
        for line in str(error).splitlines():
            assert line.isprintable(), (line, data)
            assert len(line) < 2_000, (line, data)
        return error


def _harmless(found: Settings) -> bool:
    """Tell whether what it says reaches nobody else and writes nowhere."""
    for adapter_settings in found.adapters:
        host = getattr(adapter_settings.adapter, "host", "127.0.0.1")
        url = getattr(adapter_settings.adapter, "url", "http://127.0.0.1:1")
        listen = getattr(adapter_settings.adapter, "listen", "127.0.0.1:0")
        port = getattr(adapter_settings.adapter, "port", 1)
        if host not in _LOOPBACK or url != "http://127.0.0.1:1" or listen != "127.0.0.1:0":
            return False
        if (
            port != 1
            or adapter_settings.spool is not None
            or getattr(adapter_settings.adapter, "path", None)
        ):
            return False
    return True


def _ran(file: Path, *arguments: str, told_after: float | None = None) -> tuple[int, str]:
    """Run it; return its exit status and what it said.

    Args:
        file: its configuration.
        arguments: of the command, before the file.
        told_after: seconds after which it is told to stop; None: it ends by itself.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "sampler", *arguments, str(file)],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="backslashreplace",
    )
    try:
        try:
            said = process.communicate(timeout=told_after or PATIENCE)[1]
        except subprocess.TimeoutExpired:
            if told_after is None:
                raise
            process.send_signal(signal.SIGTERM)  # one that has hardly begun ends by it
            said = process.communicate(timeout=PATIENCE)[1]
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    return process.returncode, said


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024
