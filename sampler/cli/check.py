"""``sampler check``: would this configuration work?"""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from sampler._contract.ignored import ignored_parts
from sampler._contract.names import RESERVED
from sampler._pull.collector import rules_of
from sampler._pull.series_rules import FILTERED
from sampler._runtime.printable import counted, printable
from sampler.agent.channel import exposure, notice
from sampler.agent.config.hidden import hidden_packages, hiding
from sampler.agent.config.plugins import OURS
from sampler.agent.config.secrets import described, masked_line
from sampler.agent.delivery.adapter import Batch, ScrapedAdapter
from sampler.agent.delivery.ledger import Ledger
from sampler.agent.pages import cannot_open
from sampler.cli.exits import OK, UNAVAILABLE
from sampler.cli.run import prepare
from sampler.cli.unsupported import affected
from sampler.exceptions import ConfigurationError, Rejected, Unavailable

if TYPE_CHECKING:
    from sampler._contract.snapshot import Snapshot
    from sampler.agent import Agent
    from sampler.agent.config.settings import AdapterSettings

_PROCESS = re.compile(r"process (\d{1,10}) ")
_SHOWN = 3
"""Metrics named in a line that is about many."""
_MORE = (
    "more when the program runs: what it counts itself, and samplers of packages that it imports"
)


def check(config: str | None, *, network: bool = True) -> int:
    """Read a configuration, pull its samplers once, and ask its endpoints whether they answer.

    Args:
        config: the file; None: ``./sampler.toml``, or built-in defaults.
        network: ask the endpoints; no numbers are sent to them.

    Returns:
        0, or 69 when an endpoint does not answer.

    Raises:
        ConfigurationError: with every problem found.
    """
    agent = prepare(config)
    if Path("sampler.py").is_file():
        print(
            "sampler.py in this folder hides the package from programs that are started here: "
            "rename it",
            file=sys.stderr,
        )
    if hidden := hidden_packages(OURS):
        print(hiding(hidden), file=sys.stderr)
    snapshot, problems = _pull(agent)
    if problems:
        raise ConfigurationError(agent.settings.file, problems)
    for configured in agent.settings.adapters:
        _warn(configured)
        _tell_losses(configured, snapshot)
    if not network:
        return OK
    adapters = agent.settings.adapters
    problems = [problem for each in adapters if (problem := _listen(each, agent.settings.file))]
    pushed = [each for each in adapters if not (_is_scraped(each) or each.for_people)]
    answers = [_ask(each) for each in pushed]
    if problems:
        raise ConfigurationError(agent.settings.file, problems)
    return OK if all(answers) else UNAVAILABLE


def _warn(configured: AdapterSettings) -> None:
    """Print what an adapter warns of, and a useless spool."""
    start = f"adapter {configured.name!r}"
    for warning in (exposure(configured.adapter), notice(configured.adapter)):
        if warning:
            print(f"{start} {warning}", file=sys.stderr)
    if configured.spool is not None and not _writable(Path(configured.spool)):
        print(
            f"{start}: this user cannot write to {configured.spool}: entries that wait are kept "
            "in memory only, until the spool can be written",
            file=sys.stderr,
        )


def _tell_losses(configured: AdapterSettings, snapshot: Snapshot) -> None:
    """Print what a backend has no place for: nobody has done anything wrong."""
    # A word in braces is for people, and its loss no news: an explanation names it.
    noted = {series.name for series, _ in snapshot if series.unit.startswith("{")}
    lost = [
        (f"{word} ({_named(metrics)})", sentence)
        for word, metrics, sentence in affected(configured.adapter, snapshot)
        if word != "unit" or not noted.issuperset(metrics)
    ]
    if lost:
        what = ", ".join(words for words, _ in lost)
        instead = f"'sampler explain {configured.type}' says what happens instead"
        sentence = lost[0][1] if len(lost) == 1 else instead
        start = f"adapter {configured.name!r}: for information, it does not carry"
        print(f"{start} {what}: {sentence}")


def _named(metrics: list[str]) -> str:
    names = ", ".join(metrics[:_SHOWN]) + (", ..." if len(metrics) > _SHOWN else "")
    return f"{counted(len(metrics), 'metric')}: {names}"


def _pull(agent: Agent) -> tuple[Snapshot, list[str]]:
    """Pull once, and print what there is to say of it; return the snapshot and problems."""
    with agent.collector("check", agent.settings.program.interval) as collector:
        snapshot = collector.collect()
        refused = {s.sampler: s.refused for s in collector.statistics() if s.refused}
        rules = rules_of(collector)
    problems = [
        f"samplers.rename: {' and '.join(map(repr, sorted(names)))} would both be called {new!r}"
        for new, names in rules.shown.items()
        if len(names) > 1
    ]
    if problems:
        return snapshot, problems
    file = printable(agent.settings.file)
    print(f"{file}: fine")
    counts: Counter[str] = Counter()
    for block in snapshot.blocks:
        counts[block.sampler] += len(block)
    registrations = agent.registrations()
    for registration in registrations:
        name = str(registration.sampler.get("name"))
        if name in counts and name != RESERVED:
            entries = counted(counts[name], "entry", "entries")
            if not counts[name] and name in agent.settings.samplers.bridges:
                entries = "waits for the program that it reads"
            print(f"sampler {name!r}: {entries}")
        for oddity in ignored_parts(registration.sampler):
            print(f"sampler {name!r}: {oddity}", file=sys.stderr)
    if agent.settings.samplers.enable is None:
        print(_MORE)
    for note in agent.notes():
        print(f"{file}: {note}", file=sys.stderr)
    for pattern in rules.unmet():
        print(f"{file}: samplers: {pattern!r} matches no metric that is here", file=sys.stderr)
    for failure in snapshot.failures:
        print(f"sampler {failure.sampler!r}: {failure.message}", file=sys.stderr)
    for sampler, counts_by_reason in refused.items():
        reasons = {r: n for r, n in counts_by_reason.items() if r != FILTERED}
        if left_out := counts_by_reason.get(FILTERED):
            print(f"sampler {sampler!r}: {counted(left_out, 'entry', 'entries')} left out")
        if not reasons:
            continue
        by_reason = ", ".join(f"{n} {reason}" for reason, n in reasons.items())
        print(
            f"sampler {sampler!r}: samples refused: {by_reason} "
            f"('sampler explain {next(iter(reasons))}' says more)",
            file=sys.stderr,
        )
    return snapshot, []


def _writable(folder: Path) -> bool:
    """Tell whether this user can write to a folder, or make it."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)


def _is_scraped(configured: AdapterSettings) -> bool:
    return isinstance(configured.adapter, ScrapedAdapter)


def _listen(configured: AdapterSettings, file: str) -> str | None:
    """Open and close a scraped adapter; return the problem, or None, also when it is pushed.

    It is no problem that the program runs whose file this is.
    """
    adapter = configured.adapter
    if not _is_scraped(configured):
        return None
    try:
        adapter.open(_no_snapshot, Ledger())
    except Exception as error:
        problem = f"{configured.key}{cannot_open(error, configured)}"
        holder = _PROCESS.search(problem)
        if holder is None or not _runs_with(int(holder[1]), Path(file)):
            return problem
        said = f"process {holder[1]} listens, which runs with this file"
    else:
        adapter.close(1.0)
        said = "can listen"
    what = configured.key if configured.for_people else f"adapter {configured.name!r}"
    print(f"{what}: {said}")
    return None


def _runs_with(pid: int, file: Path) -> bool:
    """Tell whether a process was given a file, or stands beside it, as far as one may know."""
    import psutil

    try:
        process = psutil.Process(pid)
        here, words = Path(process.cwd()), process.cmdline()
        named = [here / word for word in words if word.endswith(file.name)]
        return file.exists() and any(each.samefile(file) for each in named or [here / file.name])
    except (psutil.Error, OSError):
        return False


def _ask(configured: AdapterSettings) -> bool:
    """Send an empty batch; print and return whether the endpoint answers."""
    start = f"adapter {configured.name!r}"
    try:
        configured.adapter.send(Batch((), 0), configured.timeout)
    except (Unavailable, Rejected) as error:
        print(f"{start}: does not answer: {masked_line(str(error))}", file=sys.stderr)
        return False
    except Exception as error:  # foreign code
        print(f"{start}: send raised {described(error)}", file=sys.stderr)
        return False
    print(f"{start}: answers")
    return True


def _no_snapshot() -> Snapshot:
    raise Unavailable("only checking")
