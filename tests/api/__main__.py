"""Run it: ``python -m tests.api [--write [--anyway]]``.

Exit status 1 when public names differ from the list and CHANGELOG.md does not name them.
"""

from __future__ import annotations

import argparse
import sys

from tests.api.changes import (
    CHANGELOG,
    LIST,
    changes,
    listed,
    present,
    report,
    unexplained,
    written,
)


def main() -> int:
    """Compare, or write the list; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.api", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the list anew")
    parser.add_argument(
        "--anyway", action="store_true", help="even where CHANGELOG.md does not name a change"
    )
    options = parser.parse_args()
    now = present()
    before = listed(LIST.read_text()) if LIST.exists() else {}
    missing = unexplained(changes(before, now), CHANGELOG.read_text())
    if missing:
        print(report(missing), file=sys.stderr)
    if options.write and (options.anyway or not missing):
        LIST.write_text(written(now))
        print(f"{LIST.name}: {len(now)} public names")
        return 0
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
