"""``sampler completion``: completions for a shell, made of the command's own arguments."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

SHELLS = ("bash", "zsh")
"""Those that are tested; shtab knows others."""


def completion(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return a script that a shell reads.

    Args:
        parser: of the command; its arguments that name files complete to files from now on.
        shell: one of :data:`SHELLS`.

    Raises:
        ModuleNotFoundError: shtab, which makes it, is not installed.
    """
    import shtab

    for each in _parsers(parser):
        for argument in _arguments(each):
            if "FILE" in str(argument.metavar):
                argument.complete = shtab.FILE
    return shtab.complete(parser, shell=shell)


def _parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for argument in _arguments(parser):
        if isinstance(argument, argparse._SubParsersAction):  # noqa: SLF001 - there is no other name
            for each in argument.choices.values():
                yield from _parsers(each)


def _arguments(parser: argparse.ArgumentParser) -> list[Any]:
    return list(parser._actions)  # noqa: SLF001 - as shtab does
