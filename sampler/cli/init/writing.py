"""Files of a starter: made from templates, and written where none of them is yet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sampler.cli.init.names import Names

__all__ = ("WouldOverwriteError", "rendered", "write")

_TEMPLATES = Path(__file__).with_name("templates")
_SKIPPED = frozenset(("__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"))


class WouldOverwriteError(Exception):
    """Some of the files are there already.

    Attributes:
        files: which.
    """

    def __init__(self, files: list[Path]) -> None:
        super().__init__(", ".join(map(str, files)))
        self.files = files


def rendered(templates: Iterable[str], names: Names, words: Mapping[str, str]) -> dict[Path, str]:
    """Return the text of each file of a starter, by its path within a folder.

    Args:
        templates: folders of templates; a file of a later one stands.
        names: what takes the place of ``mypackage``, ``my-package`` and ``MyPackage``.
        words: what else is replaced, before the names are.
    """
    replaced = {
        **words,
        "mypackage": names.package,
        "my-package": names.distribution,
        "MyPackage": names.title,
    }
    found: dict[Path, str] = {}
    for folder in (_TEMPLATES / each for each in templates):
        for file in sorted(folder.rglob("*")):
            path = file.relative_to(folder)
            if file.is_file() and _SKIPPED.isdisjoint(path.parts):
                text = file.read_text("utf-8")
                found[Path(_filled(str(path), replaced))] = _filled(text, replaced)
    return found


def write(folder: Path, files: Mapping[Path, str]) -> None:
    """Write files into a folder, which is made if it is not there; or none of them.

    Raises:
        WouldOverwriteError: some are there; nothing has been written.
        OSError: the folder cannot be written to; what had been written is gone again.
    """
    if there := [path for path in files if _is_in_the_way(folder, path)]:
        raise WouldOverwriteError(there)
    written: list[Path] = []
    try:
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            with (folder / path).open("x", encoding="utf-8") as file:
                written.append(folder / path)
                file.write(text)
    except OSError:
        for each in written:
            each.unlink(missing_ok=True)
        raise


def _is_in_the_way(folder: Path, path: Path) -> bool:
    """Tell whether there is something where a file, or a folder of it, has to be."""
    if (folder / path).exists() or (folder / path).is_symlink():
        return True
    above = [folder / each for each in path.parents]
    return any(each.exists() and not each.is_dir() for each in above)


def _filled(text: str, replaced: Mapping[str, str]) -> str:
    for word, other in replaced.items():  # no name has another one of these words
        text = text.replace(word, other)
    return text
