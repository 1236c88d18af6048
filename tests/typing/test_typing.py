"""The contract as type checkers see it: no annotation needed, and every misspelling found."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def marked() -> set[int]:
    """Return the lines of ``refused.py`` that a checker must complain about."""
    lines = (HERE / "refused.py").read_text().splitlines()
    return {number for number, line in enumerate(lines, 1) if line.endswith("# error")}


def complaints(checker: str, file: Path, scratch: Path) -> dict[int, str]:
    """Run a checker on one file; return its errors by line."""
    program = shutil.which(checker)
    if program is None:
        pytest.skip(f"{checker} is not installed")
    if checker == "mypy":
        options = ["--strict", "--output=json", f"--cache-dir={scratch}", "--config-file="]
        done = subprocess.run(
            [program, *options, str(file)], cwd=ROOT, capture_output=True, text=True, timeout=110
        )
        assert done.returncode in {0, 1}, done.stderr + done.stdout
        found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        return {
            each["line"]: each["message"]
            for each in found
            if each["severity"] == "error" and Path(each["file"]).name == file.name
        }
    done = subprocess.run(
        [program, "--outputjson", str(file)], cwd=ROOT, capture_output=True, text=True, timeout=110
    )
    assert done.returncode in {0, 1}, done.stderr + done.stdout
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] >= 1
    return {
        each["range"]["start"]["line"] + 1: each["message"]
        for each in report["generalDiagnostics"]
        if each["severity"] == "error"
    }


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_a_sampler_type_checks_with_and_without_annotations(checker: str, tmp_path: Path) -> None:
    """The README's plain dict registers; the annotated shapes fit what authors write."""
    assert complaints(checker, HERE / "accepted.py", tmp_path) == {}


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_what_breaks_the_contract_is_a_type_error(checker: str, tmp_path: Path) -> None:
    """A wrong kind, a misspelt key or a bad sample is found on its line, and nothing else."""
    assert set(complaints(checker, HERE / "refused.py", tmp_path)) == marked()
