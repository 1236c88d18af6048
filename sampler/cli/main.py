"""Arguments in, exit status out."""

from __future__ import annotations

import argparse
import io
import os
import sys
from typing import TYPE_CHECKING

from sampler._runtime.log import log
from sampler.cli.exits import CONFIG, OK, UNAVAILABLE, USAGE
from sampler.cli.logs import FORMATS, log_to_stderr, tell
from sampler.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

_EPILOG = """\
exit status: 0 fine; 2 wrong arguments; 69 an endpoint does not answer, or a
package is not installed; 78 the configuration has problems.

'sampler COMMAND -h' says more of each. Without a configuration, 'sampler run'
serves this process' numbers on http://127.0.0.1:9464/metrics.
"""

_CONFIG = """
  sampler config sample    a commented sampler.toml to begin with
  sampler config schema    a JSON Schema of sampler.toml, for editors
  sampler config markdown  every key, as a page of documentation

Sample and schema hold every key of every adapter that is installed.
"""

_EXPLAIN = """
  sampler explain interval              a key, wherever it may stand
  sampler explain adapters.eu.prefix    a key of a table
  sampler explain graphite              an adapter, or a sampler
  sampler explain process.cpu.time      a metric, by its full name
  sampler explain oldest                why entries were dropped, samples
                                        refused, or pulls failed
  sampler explain C-11                  a clause of the PEP draft
  sampler explain A-05                  a rule for adapters
"""

_VALIDATE = """
Two consumers pull it, in turns and at once; each breach is printed with its
clause and a remedy. The longer, and the busier its source, the more is seen.

  sampler validate mypool.metrics:SAMPLER    a mapping in a module
  sampler validate process                   an installed sampler

exit status: 0 it conforms; 1 it breaks a clause; 2 it cannot be imported.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: arguments without the program's name; default: the process' own.

    Returns:
        The exit status.
    """
    for stream in (sys.stdout, sys.stderr):  # a name may be what a terminal cannot show
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    parser = _parser()
    if not (sys.argv[1:] if argv is None else argv):
        parser.print_help(sys.stderr)
        return USAGE
    arguments = parser.parse_args(argv)
    log_to_stderr(arguments.verbose - arguments.quiet, arguments.log_format)
    try:
        status: int = arguments.run(arguments)
    except ConfigurationError as error:
        log.flush()
        tell(str(error), arguments.log_format)
        return CONFIG
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing more to flush
        return 0
    finally:
        log.flush()
    return status


def _parser() -> argparse.ArgumentParser:
    # Each verb's module is imported by its own function: `sampler version` needs none of them.
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("-v", "--verbose", action="count", default=0, help="say more")
    common.add_argument("-q", "--quiet", action="count", default=0, help="say only errors")
    common.add_argument(
        "--log-format", choices=FORMATS, default="text", help="of the log, on standard error"
    )
    parser = argparse.ArgumentParser(
        prog="sampler",
        description="Collect what this host's Python code publishes and deliver it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def verb(name: str, text: str, more: str = "") -> argparse.ArgumentParser:
        return verbs.add_parser(
            name,
            help=text,
            description=f"{text}\n{more}".strip(),
            parents=[common],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def config_file(command: argparse.ArgumentParser) -> None:
        command.add_argument(
            "-c",
            "--config",
            metavar="FILE",
            help="configuration; default: $SAMPLER_CONFIG, else ./sampler.toml",
        )

    run = verb("run", "Collect and deliver until told to stop (SIGTERM or Ctrl-C).")
    config_file(run)
    how = run.add_mutually_exclusive_group()
    how.add_argument("--once", action="store_true", help="pull once, deliver, exit")
    how.add_argument(
        "--test", action="store_true", help="pull twice, one interval apart, print; send nothing"
    )
    run.set_defaults(run=_run)

    check = verb("check", "Check a configuration, its samplers and its endpoints.")
    config_file(check)
    check.add_argument("--no-network", action="store_true", help="do not ask the endpoints")
    check.set_defaults(run=_check)

    show = verb("list", "List the installed samplers and adapters.")
    show.add_argument("what", nargs="?", choices=("samplers", "adapters"), help="only these")
    show.add_argument("--json", action="store_true", help="for programs")
    show.set_defaults(run=_list)

    config = verb("config", "Help to write a configuration.", _CONFIG)
    config.add_argument("what", nargs="?", choices=("sample", "schema", "markdown"), help="which")
    config.set_defaults(run=_config, usage=config)

    explain = verb("explain", "Say what a key, an adapter, a metric or a reason is.", _EXPLAIN)
    explain.add_argument("word", metavar="KEY|CLAUSE", help="or another word, as above")
    explain.set_defaults(run=_explain)

    validate = verb("validate", "Does a sampler do what the PEP asks of it?", _VALIDATE)
    validate.add_argument("reference", metavar="MODULE:NAME", help="the mapping, or a name")
    validate.add_argument(
        "--seconds", type=_seconds, default=2.0, metavar="N", help="how long; default: 2"
    )
    validate.add_argument("--json", action="store_true", help="for programs")
    validate.set_defaults(run=_validate)

    demo = verb("demo", "See it work: a busy program, three backends, all inside this process.")
    demo.add_argument(
        "--seconds", type=_seconds, default=15.0, metavar="N", help="how long; default: 15"
    )
    demo.set_defaults(run=_demo)

    version = verb("version", "Print the version.")
    version.set_defaults(run=_version)
    return parser


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds") from None
    if not 1 <= value <= 3600:
        raise argparse.ArgumentTypeError("must be 1 to 3600 seconds")
    return value


def _run(arguments: argparse.Namespace) -> int:
    from sampler.cli.run import run

    return run(arguments.config, once=arguments.once, test=arguments.test)


def _check(arguments: argparse.Namespace) -> int:
    from sampler.cli.check import check

    return check(arguments.config, network=not arguments.no_network)


def _list(arguments: argparse.Namespace) -> int:
    from sampler.cli.list import show

    return show(arguments.what, as_json=arguments.json)


def _config(arguments: argparse.Namespace) -> int:
    if arguments.what is None:
        arguments.usage.print_help(sys.stderr)
        return USAGE
    if arguments.what == "schema":
        from sampler.cli.schema import schema as text
    elif arguments.what == "markdown":
        from sampler.cli.markdown import markdown as text
    else:
        from sampler.cli.sample import sample as text
    from sampler.agent.config.plugins import UnusablePlugin

    try:
        print(text(), end="")
    except UnusablePlugin as error:
        print(f"sampler config {arguments.what}: adapter {error}", file=sys.stderr)
        return UNAVAILABLE
    return OK


def _explain(arguments: argparse.Namespace) -> int:
    from sampler.cli.explain import explain

    return explain(arguments.word)


def _validate(arguments: argparse.Namespace) -> int:
    from sampler.cli.validate import validate

    return validate(arguments.reference, seconds=arguments.seconds, as_json=arguments.json)


def _demo(arguments: argparse.Namespace) -> int:
    from sampler.cli.demo import demo

    return demo(arguments.seconds)


def _version(arguments: argparse.Namespace) -> int:
    from importlib.metadata import version

    del arguments
    print(f"sampler-api {version('sampler-api')}")
    return 0
