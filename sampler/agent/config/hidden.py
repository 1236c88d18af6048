"""Files of the program that have the name of a package that is needed, and so hide it."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from typing import TYPE_CHECKING

from sampler._runtime.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_INSTALLED = ("site-packages", "dist-packages")
_NAME = re.compile(r"[\w.-]+")


def hidden_packages(distribution: str) -> dict[str, str]:
    """Return the files that hide packages which a distribution needs, each with its package.

    Args:
        distribution: whose requirements are looked at, those of its extras included.
    """
    found = {name: file for folder in _folders() for name, file in _hidden_in(folder)}
    if not found:
        return {}
    try:
        texts = requires(distribution) or ()
    except (PackageNotFoundError, ValueError):  # none, as of MODULE:OBJECT
        return {}
    needed = {_normal(match[0]) for text in texts if (match := _NAME.match(text))}
    owners = packages_distributions()
    return {
        file: name
        for name, file in found.items()
        if needed & {_normal(each) for each in owners.get(name, ())}
    }


def hiding(files: Mapping[str, str]) -> str:
    """Return a sentence about such files, with what to do."""
    each = [f"{printable(file)} hides the package {name}" for file, name in files.items()]
    return f"{', '.join(each)}: rename {'it' if len(each) == 1 else 'them'}"


def _folders() -> list[str]:
    """Return the folders of ``sys.path`` that are the program's."""
    library = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    folders = [os.path.abspath(each) for each in sys.path]  # noqa: PTH100 - "" is where we are
    return [
        each
        for each in folders
        if Path(each).is_dir() and each not in library and Path(each).name not in _INSTALLED
    ]


def _hidden_in(folder: str) -> Iterator[tuple[str, str]]:
    """Yield the names of installed packages that a folder has, too, each with its file there."""
    installed = [each for each in sys.path if Path(each).name in _INSTALLED]
    for path in Path(folder).iterdir():
        name = path.name.removesuffix(".py")
        if not name.isidentifier() or (name == path.name and not (path / "__init__.py").is_file()):
            continue
        if PathFinder.find_spec(name, installed) is not None:
            yield name, str(path)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
