"""The arguments of ``sampler advise`` and ``sampler record``."""

from __future__ import annotations

import argparse

from sampler.cli.arguments import seconds

ADVISE = """
Reads a page five times, and says what the numbers say: how many processes and
threads the load needs, whether it is CPU that it lacks, where requests wait,
what fails first. Where they say too little it says so, and what would decide.

  sampler advise                          the page of ./sampler.toml
  sampler advise http://127.0.0.1:9464/metrics --seconds 60
  sampler advise incident.jsonl           a file of 'sampler record'
"""
RECORD = """
The file has a line for each reading of the page, of the metrics that 'sampler
advise' uses. It must not be there yet.

  sampler record incident.jsonl http://127.0.0.1:9464/metrics --windows 6
"""


def take_advise(command: argparse.ArgumentParser) -> None:
    """Give ``sampler advise`` its arguments."""
    command.add_argument("where", nargs="?", metavar="URL|FILE", help="see above")
    _seconds(command, "for how long a page is watched")
    command.add_argument(
        "--window", type=int, metavar="N", help="of a file: which window; default: the last"
    )
    command.add_argument("--json", action="store_true", help="print JSON, for programs")
    command.set_defaults(run=_advise)


def take_record(command: argparse.ArgumentParser) -> None:
    """Give ``sampler record`` its arguments."""
    command.add_argument("file", metavar="FILE", help="what to write")
    command.add_argument("url", nargs="?", metavar="URL", help="default: the configuration's page")
    _seconds(command, "of a window")
    command.add_argument(
        "--windows", type=_windows, default=1, metavar="N", help="how many; default: 1"
    )
    command.set_defaults(run=_record)


def _seconds(command: argparse.ArgumentParser, text: str) -> None:
    command.add_argument(
        "--seconds", type=seconds, default=20.0, metavar="N", help=f"{text}; default: 20"
    )


def _windows(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 4 and 1 <= int(text) <= 1000):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 1000")
    return int(text)


def _advise(arguments: argparse.Namespace) -> int:
    from sampler.cli.advise import advise

    return advise(
        arguments.where,
        arguments.config,
        seconds=arguments.seconds,
        window=arguments.window,
        as_json=arguments.json,
    )


def _record(arguments: argparse.Namespace) -> int:
    from sampler.cli.record import record

    return record(
        arguments.file,
        arguments.url,
        arguments.config,
        seconds=arguments.seconds,
        windows=arguments.windows,
    )
