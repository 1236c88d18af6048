"""Makes the table of files that have moved: ``python -m tests.examples.moved --write``.

Git finds a file that was moved; where too much of it has changed, the answer stands here.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
BEFORE = "e842b2a"
BEGIN, END = "<!-- made by tests.examples.moved -->\n", "<!-- end -->\n"
REWRITTEN = {
    "adapters/sampler_prometheus/_client.py": "sampler/adapterkit/http.py",
    "adapters/sampler_prometheus/_http.py": "sampler/adapterkit/http_server.py",
    "adapters/sampler_prometheus/_request.py": "sampler/adapterkit/_http/exchange.py",
    "adapters/sampler_prometheus/_secure.py": "sampler/adapterkit/http_options.py",
    "sampler/_clock.py": "sampler/types.py",
    "sampler/_health.py": "sampler/_pull/backoff.py",
    "sampler/_kinds.py": "sampler/_instruments/counter.py",
    "sampler/_native.py": "sampler/_runtime/native.py",
    "sampler/_overflow.py": "sampler/_pull/overflow.py",
    "sampler/agent/folder.py": "sampler/agent/spool/directory.py",
    "sampler/agent/locks.py": "sampler/_runtime/instance_lock.py",
    "sampler/agent/pulse.py": "sampler/agent/interval_loop.py",
    "sampler/agent/running.py": "sampler/agent/singleton.py",
    "sampler/agent/threads.py": "sampler/_runtime/threads.py",
    "tests/agent/test_law.py": "tests/agent/test_ledger.py",
    "tests/chaos/law.py": "tests/chaos/ledger.py",
}
"""Old file to the one that does its work now."""


def moved() -> dict[str, str]:
    """Return old file to new file, of all that are not where they were.

    Raises:
        KeyError: a file is gone, and nobody says what does its work.
    """
    order = [
        "git",
        "diff",
        "-M",
        "--diff-filter=RD",
        "--name-status",
        BEFORE,
        "HEAD",
        "--",
        "*.py",
    ]
    done = subprocess.run(order, cwd=ROOT, capture_output=True, text=True, check=True)
    known = {**shown(), **REWRITTEN}
    found = {}
    for line in done.stdout.splitlines():
        _, old, *new = line.split("\t")
        found[old] = REWRITTEN.get(old) or (new[0] if new else known[old])
    return dict(sorted(found.items()))


def shown() -> dict[str, str]:
    """Return what the page says: git loses sight of a file that has changed too much since."""
    rows = PAGE.read_text("utf-8").partition(BEGIN)[2]
    return dict(re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|$", rows, re.MULTILINE))


def table(files: dict[str, str]) -> str:
    """Return the table."""
    rows = [f"| `{old}` | `{new}` |" for old, new in files.items()]
    return "\n".join(["| then | now |", "|---|---|", *rows]) + "\n"


if __name__ == "__main__":
    made = table(moved())
    if "--write" in sys.argv:
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}{made}{END}{rest.partition(END)[2]}", "utf-8")
    else:
        print(made, end="")
