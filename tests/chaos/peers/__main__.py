"""Measure the peers: ``uv run --group bench python -m tests.chaos.peers`` takes some minutes.

``--write`` puts the sentences into docs/reliability/peers.json; ``--only 7,8`` measures these.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from importlib.metadata import version
from typing import TYPE_CHECKING

from tests.chaos.peers import further, programs, pushed, reentrant, scraped, surroundings
from tests.chaos.peers.rigs import BRIDGE, OTEL, PEERS
from tests.chaos.scorecard import PEERS as FILE

if TYPE_CHECKING:
    from collections.abc import Callable

ENDS = (f"{pushed.__name__}.hanging",)
"""Whose program's end is measured, too."""
LIMIT = 120
"""Seconds that one measurement may take."""
MEASURED = {
    1: (pushed.refused,),
    2: (pushed.swallowed,),
    3: (pushed.half_open,),
    4: (pushed.reset,),
    6: (pushed.no_names,),
    8: (pushed.neighbour,),
    9: (pushed.statuses,),
    10: (pushed.poisoned,),
    11: (pushed.redirected,),
    12: (pushed.dripping,),
    13: (further.certified,),
    14: (further.lossy,),
    15: (pushed.raising, scraped.raising),
    16: (pushed.hanging,),
    18: (pushed.endless,),
    19: (programs.labelled,),
    20: (pushed.slow,),
    21: (reentrant.acting,),
    22: (further.hostile,),
    23: (pushed.clock,),
    24: (pushed.stopped,),
    25: (pushed.forked,),
    27: (programs.terminated,),
    28: (programs.ended,),
    29: (programs.stormed,),
    30: (programs.counted,),
    35: (scraped.slow_clients,),
    36: (scraped.at_once,),
    37: (scraped.hostile,),
    38: (scraped.bound,),
    39: (further.secret,),
    40: (pushed.log,),
    42: (scraped.any_bytes,),
    45: (surroundings.readers,),
    46: (scraped.other_host,),
    47: (surroundings.handler,),
    54: (surroundings.taken,),
    55: (surroundings.away,),
    58: (surroundings.converted,),
    60: (surroundings.closed,),
}
MEANINGLESS = {
    5: "as 3: a push this small fits the kernel's buffers",
    7: "no buffer: see 1",
    17: "one is enough: see 16",
    26: "no spool",
    31: "measured in docs/bench",
    32: "no spool",
    33: "no spool",
    34: "no spool",
    41: "does not outlive its faults one by one: see above",
    49: "no agent of its own in a child: see 25",
    50: "no identity of its own",
    51: "writes nothing",
    52: "see 19",
    57: "no marks: see 22",
    61: "no spool",
    43: "see 9 and 12",
    44: "parses requests only: see 42",
    48: "no thread of its own is watched: see 15 and 42",
    53: "no start or reload",
    56: "no configuration file",
    59: "not tried: made for threads",
    62: "no names of its own: see 22",
    63: "see docs/bench",
}


def main() -> int:
    """Measure; return 1 if something could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.peers", description=__doc__)
    parser.add_argument("--only", default="", metavar="N,...", help="measure these scenarios only")
    parser.add_argument("--write", action="store_true", help="write docs/reliability/peers.json")
    parser.add_argument("--one", nargs=2, metavar=("NAME", "PEER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        name, peer = options.one
        print(_named()[name](peer), time.monotonic(), sep="\n", flush=True)
        if name not in ENDS:
            os._exit(0)
        return 0
    numbers = [int(n) for n in options.only.split(",")] if options.only else list(MEASURED)
    kept = json.loads(FILE.read_text("utf-8"))["scenarios"] if options.only else {}
    said: dict[str, dict[str, str]] = kept | {
        str(number): dict.fromkeys(PEERS, f"- {reason}") for number, reason in MEANINGLESS.items()
    }
    failed = False
    for number in numbers:
        said[str(number)] = {}
        for peer in PEERS:
            sentences = [_measured(f"{m.__module__}.{m.__name__}", peer) for m in MEASURED[number]]
            failed |= any(sentence.startswith("!") for sentence in sentences)
            meant = [each for each in sentences if not each.startswith("-")] or sentences[:1]
            text = "; ".join(meant)
            said[str(number)][peer] = text
            print(f"{number}  {peer}: {text}", flush=True)
    if options.write and not failed:
        versions = [
            f"prometheus-client {version('prometheus-client')}",
            f"opentelemetry-sdk {version('opentelemetry-sdk')}",
        ]
        ordered = {n: said[n] for n in sorted(said, key=int)}
        text = json.dumps({"versions": versions, "scenarios": ordered}, indent=1)
        FILE.write_text(text + "\n", "utf-8")
    return failed


def _named() -> dict[str, Callable[[str], str]]:
    return {f"{m.__module__}.{m.__name__}": m for group in MEASURED.values() for m in group}


def _measured(name: str, peer: str) -> str:
    """Return the sentence of one measurement, from a process that is killed if it is stuck."""
    command = [sys.executable, "-m", "tests.chaos.peers", "--one", name, peer]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        return f"! no end within {LIMIT} s"
    if not done.stdout:
        return f"! {done.stderr.strip()[-300:]}"
    sentence, printed = done.stdout.splitlines()[-2:]
    took = time.monotonic() - float(printed)  # of one clock, whatever process reads it
    return f"{sentence}; the program ends within {took:.1f} s" if name in ENDS else sentence


if __name__ == "__main__":
    assert {BRIDGE, OTEL} == set(PEERS)
    sys.exit(main())
