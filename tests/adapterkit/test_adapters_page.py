"""The page on writing adapters, followed to the letter; and its list of tools."""

from __future__ import annotations

import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import sampler.adapterkit
from tests.support.command import environment

PAGE = (Path(__file__).parents[2] / "docs" / "adapters.md").read_text("utf-8")
FILES = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE, re.DOTALL))
TOOLS = {
    module.name
    for module in pkgutil.iter_modules(sampler.adapterkit.__path__)
    if not module.name.startswith("_")
}


def test_the_adapter_of_the_page_passes_the_suite_as_the_page_runs_it(tmp_path):
    """In a folder of its own, with nothing but what the page shows."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_jsonpost.py"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_the_page_and_the_package_name_every_tool():
    """Each module with a sentence."""
    on_page = re.findall(r"^\| `(\w+)` \| \w.+ \|$", PAGE.partition("## Tools")[2], re.MULTILINE)
    in_package = re.findall(r":mod:`~sampler\.adapterkit\.(\w+)`: ", sampler.adapterkit.__doc__)
    assert set(on_page) == set(in_package) == TOOLS


def test_every_tool_says_what_is_public():
    """By `__all__`, of names that are there and that a docstring or comment explains."""
    for name in TOOLS:
        module = __import__(f"sampler.adapterkit.{name}", fromlist=["__all__"])
        assert module.__doc__
        assert module.__all__
        for each in module.__all__:
            assert not each.startswith("_")
            assert hasattr(module, each)
