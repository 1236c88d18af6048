"""Run it: ``python -m tests.mutation [--minutes 30] [--seed 1] [--jobs 2] [FILE ...]``.

Exit status 1 when a mutant survives whose reason is not in ``docs/mutation.md``, or when a reason
there is stale; 2 when the tests fail without any mistake.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from tests.mutation.mutants import mutants, mutated
from tests.mutation.reasons import PAGE, read, row, stale, unexplained
from tests.mutation.targets import TARGETS

if TYPE_CHECKING:
    from tests.mutation.mutants import Mutant

_FOLDERS = ("sampler", "adapters", "tests", "pep", "docs", "examples")
_FILES = ("pyproject.toml", "README.md", "CHANGELOG.md")
_PATIENCE = 4.0
"""How many times as long as without a mistake the tests may take: then they hang, and saw it."""


class Copy:
    """A copy of the repository in which mistakes are made; a context manager that removes it."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="mutation-"))
        for name in _FOLDERS:
            ignore = shutil.ignore_patterns("__pycache__", ".venv")
            shutil.copytree(name, self._folder / name, ignore=ignore)
        for name in _FILES:
            shutil.copy(name, self._folder)

    def passes(self, tests: tuple[str, ...], limit: float) -> bool:
        """Run tests to the first that fails; tell whether none did within ``limit`` seconds."""
        paths = os.pathsep.join(str(self._folder / name) for name in (".", "adapters"))
        quiet = ["-x", "-q", "-p", "no:cacheprovider", "--timeout=60"]
        options = [*quiet, "--hypothesis-seed=2", "-m", "not server"]
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *options, *tests],
            cwd=self._folder,
            env={**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            return process.wait(limit) == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def survives(self, mutant: Mutant, tests: tuple[str, ...], limit: float) -> bool:
        """Tell whether the tests pass with a mistake."""
        file = self._folder / mutant.file
        source = file.read_text()
        file.write_text(mutated(source, mutant.index))
        try:
            return self.passes(tests, limit)
        finally:
            file.write_text(source)

    def close(self) -> None:
        """Remove it."""
        shutil.rmtree(self._folder, ignore_errors=True)


def main() -> int:
    """Make mistakes until the time is over; return the exit status."""
    options = _options()
    targets = {t.file: t for t in TARGETS if not options.files or t.file in options.files}
    sources = {file: Path(file).read_text() for file in targets}
    known = read(PAGE.read_text())
    wrong = stale({k: v for k, v in known.items() if k[0] in sources}, sources)
    chosen = [mutant for file, source in sources.items() for mutant in mutants(file, source)]
    total = len(chosen)
    random.Random(options.seed).shuffle(chosen)
    copies = [Copy() for _ in range(options.jobs)]
    try:
        limits = {}
        for file, target in targets.items():
            begun = time.monotonic()
            if not copies[0].passes(target.tests, 600):
                print(f"{file}: its tests fail without any mistake: {' '.join(target.tests)}")
                return 2
            limits[file] = 10 + _PATIENCE * (time.monotonic() - begun)
        until = time.monotonic() + options.minutes * 60
        free: SimpleQueue[Copy] = SimpleQueue()
        for copy in copies:
            free.put(copy)

        def attempt(mutant: Mutant) -> bool | None:
            if time.monotonic() >= until:
                return None
            copy = free.get()
            try:
                lives = copy.survives(mutant, targets[mutant.file].tests, limits[mutant.file])
            finally:
                free.put(copy)
            if lives:
                print(row(mutant, known.get(mutant[:3], "")), flush=True)
            return lives

        with ThreadPoolExecutor(options.jobs) as pool:
            fates = list(pool.map(attempt, chosen))
    finally:
        for copy in copies:
            copy.close()
    survivors = [m for m, lives in zip(chosen, fates, strict=True) if lives]
    tried = sum(lives is not None for lives in fates)
    print(f"{tried} of {total} mutants tried, {tried - len(survivors)} seen by a test")
    missing = unexplained(survivors, known)
    wrong += [f"{' '.join(mutant[:3])}: it survives, and nobody says why" for mutant in missing]
    print("\n".join(wrong) or f"each of {len(survivors)} survivors has a reason in {PAGE}")
    return 1 if wrong else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="to go on")
    parser.add_argument("--seed", type=int, default=1, help="of the order in which they are made")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="at a time")
    parser.add_argument("files", nargs="*", metavar="FILE", help="targets; default: all")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
