"""The arguments of ``sampler init``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

KINDS = ("library", "application", "adapter")
FRAMEWORKS = ("wsgi", "asgi", "flask", "django", "fastapi")
_WITH_A_VALUE = ("--name", "--framework", "--log-format")
INIT = """
  sampler init library my-pool          a package that publishes its numbers
  sampler init application my-shop      a web application and its sampler.toml
  sampler init adapter my-backend       an adapter for a backend

Each has tests, and passes them, ruff and mypy --strict. FOLDER is made if it is
not there. If any of the files is there already, nothing is written (status 2).
"""


def take_init(command: argparse.ArgumentParser) -> None:
    """Give ``sampler init`` its arguments."""
    command.add_argument("kind", choices=KINDS, metavar="KIND", help="library, ... as above")
    command.add_argument("folder", nargs="?", default=".", metavar="FOLDER", help="default: here")
    command.add_argument(
        "--name", metavar="NAME", help="lower-case words joined by '-'; default: as the folder's"
    )
    command.add_argument(
        "--framework",
        choices=FRAMEWORKS,
        help="of the application; default: wsgi, which needs none",
    )
    command.add_argument(
        "--instruments",
        action="store_true",
        help="of a library: instruments count, in place of a mapping that is asked",
    )
    command.set_defaults(run=_init)


def folder_first(words: Sequence[str]) -> list[str]:
    """Return the words of a command with options last: argparse wants an optional FOLDER so."""
    plain, options, rest = [], [], iter(words)
    for word in rest:
        if not word.startswith("-"):
            plain.append(word)
            continue
        options.append(word)
        if len(word) > 2 and any(each.startswith(word) for each in _WITH_A_VALUE):
            options += [following for following in [next(rest, None)] if following is not None]
    return [*plain, *options]


def _init(arguments: argparse.Namespace) -> int:
    from sampler.cli.init import init

    return init(
        arguments.kind,
        arguments.folder,
        name=arguments.name,
        framework=arguments.framework,
        instruments=arguments.instruments,
    )
