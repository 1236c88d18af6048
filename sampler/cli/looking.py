"""The arguments of ``sampler top`` and ``sampler tap``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from sampler.cli.arguments import seconds
from sampler.cli.exits import CONFIG

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

_TOP = """
Shows trouble, adapters with their ledgers, samplers, the processes of a relay,
and every series. It asks the agent or relay over the unix socket that the
configuration's key socket names, as the same user or as root.

  / searches by name and label, t w a s p open and close sections, q quits

In a pipe, or on a terminal that cannot place its cursor, it prints one table.
"""
_TAP = """
Prints the samples of each pull whose full names match a pattern, until Ctrl-C.
It asks as 'sampler top' does.

  sampler tap 'shop.*'
  sampler tap --json 'http.server.*' | jq .value
"""


def take_looking(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add both commands.

    Args:
        command: adds one, of its name and texts.
    """
    top = command("top", "Watch a running agent or relay in this terminal.", _TOP)
    _take_place(top)
    top.add_argument(
        "--every", type=seconds, default=1.0, metavar="N", help="seconds between looks; default: 1"
    )
    top.set_defaults(run=_run_top)
    tap = command("tap", "Print samples of a running agent or relay as they pass.", _TAP)
    _take_place(tap)
    tap.add_argument("glob", metavar="GLOB", help="of full names, such as 'shop.*'")
    tap.add_argument("--json", action="store_true", help="print JSON, for programs")
    tap.set_defaults(run=_run_tap)


def _take_place(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        help="whose key socket is used; default: $SAMPLER_CONFIG, else ./sampler.toml",
    )
    command.add_argument("--socket", metavar="PATH", help="of the socket, instead")


def _run_top(arguments: argparse.Namespace) -> int:
    from sampler.cli.top.client import Client
    from sampler.cli.top.screen import top

    path = _path(arguments, "top")
    return CONFIG if path is None else top(Client(path), arguments.every)


def _run_tap(arguments: argparse.Namespace) -> int:
    from sampler.cli.top.client import Client
    from sampler.cli.top.tap import tap

    path = _path(arguments, "tap")
    if path is None:
        return CONFIG
    return tap(Client(path), arguments.glob, as_json=arguments.json)


def _path(arguments: argparse.Namespace, command: str) -> str | None:
    from sampler.cli.top.where import NoSocketError, socket_path

    try:
        return socket_path(arguments.socket, arguments.config)
    except NoSocketError as error:
        print(f"sampler {command}: {error}", file=sys.stderr)
        return None
