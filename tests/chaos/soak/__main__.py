"""``uv run python -m tests.chaos.soak --seconds 600 --seed 1``: 0 if everything held, else 1."""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.chaos.soak.run import soak


def main() -> int:
    """Run it as the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:

        def launch(kind, **given):
            directory = Path(folder, kind.__name__.lower())
            return running.enter_context(kind(directory, **given))

        wrong = soak(launch, Path(folder), options.seconds, options.seed)
    print(*(f"broken: {each}" for each in wrong), sep="\n")
    print("the law holds, and everything is flat" if not wrong else "FAILED")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
