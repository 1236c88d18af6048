"""The arguments of each command, and the exit status."""

from __future__ import annotations

import argparse
import io
import os
import sys

from sampler.cli import help_texts
from sampler.cli.advising import ADVISE, RECORD, take_advise, take_record
from sampler.cli.arguments import find_modules_here, seconds
from sampler.cli.exits import CONFIG, OK, UNAVAILABLE, USAGE
from sampler.cli.looking import take_looking
from sampler.cli.starting import INIT, folder_first, take_init

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_FORMATS = ("text", "json")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: arguments without the program's name; default: the process' own.

    Returns:
        The exit status.
    """
    for stream in (sys.stdout, sys.stderr):  # a name may have characters the terminal lacks
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    parser = _parser()
    words = list(sys.argv[1:] if argv is None else argv)
    if not words:
        parser.print_help(sys.stderr)
        return USAGE
    if words[0] in ("run", "job") and "--" in words:
        end = words.index("--")
        return _launch(parser.parse_args(words[:end]), words[end + 1 :])
    if words[0] == "job" and not {"-h", "--help"}.intersection(words):
        print("sampler job: write -- before the command", file=sys.stderr)
        return USAGE
    return _logged(parser.parse_args(folder_first(words) if words[0] == "init" else words))


def _logged(arguments: argparse.Namespace) -> int:
    from sampler._runtime.log import log
    from sampler.cli.logs import log_to_stderr, print_problems
    from sampler.exceptions import ConfigurationError

    log_to_stderr(arguments.verbose - arguments.quiet, arguments.log_format)
    try:
        status: int = arguments.run(arguments)
    except ConfigurationError as error:
        log.flush()
        print_problems(str(error), arguments.log_format)
        return CONFIG
    except BrokenPipeError:  # the reader has ended, as head does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
        return OK
    finally:
        log.flush()
    return status


def _parser() -> argparse.ArgumentParser:
    # Each command's module is imported by its own function: `sampler version` needs none.
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("-v", "--verbose", action="count", default=0, help="log more")
    common.add_argument(
        "-q", "--quiet", action="count", default=0, help="log only warnings; -qq: only errors"
    )
    common.add_argument(
        "--log-format",
        choices=_FORMATS,
        default="text",
        metavar="FORMAT",
        help="of the log on standard error: text (the default) or json",
    )
    parser = argparse.ArgumentParser(
        prog="sampler",
        description="Collect what this host's Python code publishes and deliver it.",
        epilog=help_texts.EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", nargs=0, action=_Version, help="print the version, and exit")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, text: str, more: str = "") -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=text,
            description=f"{text}\n{more}".strip(),
            parents=[common],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def config_file(of: argparse.ArgumentParser) -> None:
        of.add_argument(
            "-c",
            "--config",
            metavar="FILE",
            help="configuration; default: $SAMPLER_CONFIG, else ./sampler.toml",
        )

    run = command(
        "run", "Collect and deliver until told to stop (SIGTERM or Ctrl-C).", help_texts.RUN
    )
    run.usage = "sampler run [options] [-- COMMAND ...]"
    config_file(run)
    how = run.add_mutually_exclusive_group()
    how.add_argument("--once", action="store_true", help="pull once, deliver, and exit")
    how.add_argument(
        "--test",
        action="store_true",
        help="pull twice, one interval apart, and print; send nothing; -v: with the agent's own "
        "account",
    )
    how.add_argument(
        "--no-wrap",
        action="store_true",
        help="with a command: leave the application that its server serves as it is",
    )
    run.set_defaults(run=_run)

    job = command(
        "job", "Run a batch job, and deliver what it counts and how it ends.", help_texts.JOB
    )
    job.usage = "sampler job [options] -- COMMAND ..."
    config_file(job)
    job.add_argument(
        "--fail-undelivered",
        action="store_true",
        help="exit with 69 instead of 0 unless all of its numbers have been delivered",
    )
    job.set_defaults(run=_job, once=False, test=False, no_wrap=False)

    relay = command("relay", "Merge what many processes of this host report, and deliver it.")
    config_file(relay)
    relay.add_argument("--listen-fd", type=int, help=argparse.SUPPRESS)
    relay.add_argument("--ready-fd", type=int, help=argparse.SUPPRESS)
    relay.add_argument("--life-fd", type=int, help=argparse.SUPPRESS)
    relay.add_argument("--number", type=int, default=0, help=argparse.SUPPRESS)
    relay.add_argument("--job", help=argparse.SUPPRESS)
    relay.add_argument("--job-began", type=float, help=argparse.SUPPRESS)
    relay.set_defaults(run=_relay)

    check = command("check", "Check a configuration, its samplers and its endpoints.")
    config_file(check)
    check.add_argument(
        "--no-network", action="store_true", help="do not ask endpoints whether they answer"
    )
    check.set_defaults(run=_check)

    show = command("list", "List the installed samplers and adapters.")
    show.add_argument("what", nargs="?", choices=("samplers", "adapters"), help="default: both")
    show.add_argument("--json", action="store_true", help="print JSON, for programs")
    show.set_defaults(run=_list)

    config = command(
        "config",
        "Print a configuration to begin with, its schema, or its page.",
        help_texts.CONFIG,
    )
    config.add_argument(
        "what", nargs="?", choices=("sample", "schema", "markdown"), help="see above"
    )
    config.set_defaults(run=_config, usage=config)

    explain = command(
        "explain",
        "Explain a key, an adapter, a sampler, a metric, a reason or a clause.",
        help_texts.EXPLAIN,
    )
    explain.add_argument("word", metavar="WORD", help="what to explain; see above")
    explain.set_defaults(run=_explain)

    take_init(command("init", "Write a starter: a library, an application, an adapter.", INIT))

    validate = command(
        "validate", "Check that a sampler does what the PEP requires of it.", help_texts.VALIDATE
    )
    validate.add_argument("reference", metavar="MODULE:NAME", help="or an installed sampler")
    validate.add_argument(
        "--seconds", type=seconds, default=2.0, metavar="N", help="for how long; default: 2"
    )
    validate.add_argument(
        "--exercise",
        metavar="MODULE:CALLABLE",
        help="called on a thread between the pulls, so that there is something to count; "
        "if it does not end, it runs beside them",
    )
    validate.add_argument("--json", action="store_true", help="print JSON, for programs")
    validate.set_defaults(run=_validate)

    advise = command("advise", "Say what limits a running server, and what to do.", ADVISE)
    config_file(advise)
    take_advise(advise)

    record = command("record", "Write windows of a page to a file, for 'advise'.", RECORD)
    config_file(record)
    take_record(record)

    take_looking(command)

    demo = command("demo", "See it work: a web shop under load, its live page, three backends.")
    demo.add_argument(
        "--seconds", type=seconds, default=15.0, metavar="N", help="for how long; default: 15"
    )
    demo.add_argument("--open", action="store_true", help="open its live page in a browser")
    demo.set_defaults(run=_demo)

    shell = command("completion", "Print completions for a shell.", help_texts.COMPLETION)
    shell.add_argument("shell", choices=("bash", "zsh"), help="for which one")
    shell.set_defaults(run=_completion)

    version = command("version", "Print the version.")
    version.set_defaults(run=_version)
    return parser


class _Version(argparse.Action):
    """Looks the version up when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        parser.exit(_version(argparse.Namespace()))


def _run(arguments: argparse.Namespace) -> int:
    from sampler.cli.run import run

    find_modules_here()
    account = arguments.verbose > 0
    return run(arguments.config, once=arguments.once, test=arguments.test, account=account)


def _launch(arguments: argparse.Namespace, command: list[str]) -> int:
    job = arguments.run is _job
    called = f"sampler {'job' if job else 'run'}"
    if not command or arguments.once or arguments.test:
        remedy = "" if job else ", without --once and --test"
        print(f"{called}: -- goes before a command{remedy}", file=sys.stderr)
        return USAGE
    if sys.platform != "linux":
        print(f"{called}: a command can be run on Linux only", file=sys.stderr)
        return UNAVAILABLE
    from sampler.cli.launch import launch

    options = ["--log-format", arguments.log_format]
    quiet = arguments.quiet + job  # cron mails what a job says
    options += ["-v"] * arguments.verbose + ["-q"] * quiet
    return launch(
        arguments.config,
        command,
        wrap=not arguments.no_wrap,
        job=job,
        fail_undelivered=job and arguments.fail_undelivered,
        options=options,
    )


def _job(arguments: argparse.Namespace) -> int:
    """Stand for what :func:`_launch` does."""
    return _launch(arguments, [])


def _relay(arguments: argparse.Namespace) -> int:
    from sampler.cli.relay import relay

    return relay(
        arguments.config,
        listen_fd=arguments.listen_fd,
        ready_fd=arguments.ready_fd,
        life_fd=arguments.life_fd,
        number=arguments.number,
        job=arguments.job,
        job_began=arguments.job_began,
    )


def _check(arguments: argparse.Namespace) -> int:
    from sampler.cli.check import check

    find_modules_here()
    return check(arguments.config, network=not arguments.no_network)


def _list(arguments: argparse.Namespace) -> int:
    from sampler.cli.list import show

    find_modules_here()
    return show(arguments.what, as_json=arguments.json)


def _config(arguments: argparse.Namespace) -> int:
    if arguments.what is None:
        arguments.usage.print_help(sys.stderr)
        return USAGE
    if arguments.what == "schema":
        from sampler.cli.config.schema import schema as text
    elif arguments.what == "markdown":
        from sampler.cli.config.markdown import markdown as text
    else:
        from sampler.cli.config.sample import sample as text
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

    return validate(
        arguments.reference,
        seconds=arguments.seconds,
        exercise=arguments.exercise,
        as_json=arguments.json,
    )


def _demo(arguments: argparse.Namespace) -> int:
    from sampler.cli.demo import demo

    return demo(arguments.seconds, browse=arguments.open)


def _completion(arguments: argparse.Namespace) -> int:
    from sampler.cli.completion import completion

    try:
        print(completion(_parser(), arguments.shell), end="")
    except ModuleNotFoundError as missing:
        extra = "pip install 'sampler-api[completion]'"
        print(f"sampler completion: needs {missing.name}: {extra}", file=sys.stderr)
        return UNAVAILABLE
    return OK


def _version(arguments: argparse.Namespace) -> int:
    from sampler.cli.version import version

    del arguments
    print(version())
    return OK
