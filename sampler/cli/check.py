"""``sampler check``: would this configuration work?"""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from sampler._contract.ignored import ignored_parts
from sampler._runtime.printable import printable
from sampler.agent.agent import cannot_open
from sampler.agent.channel import exposure
from sampler.agent.config.secrets import described, shown
from sampler.agent.delivery.adapter import Batch, ScrapedAdapter
from sampler.agent.delivery.ledger import Ledger
from sampler.cli.exits import OK, UNAVAILABLE
from sampler.cli.run import prepare
from sampler.cli.unsupported import concerned
from sampler.exceptions import ConfigurationError, Rejected, Unavailable

if TYPE_CHECKING:
    from sampler._contract.snapshot import Snapshot
    from sampler.agent import Agent
    from sampler.agent.config.settings import AdapterSettings

_SHOWN = 3


def check(config: str | None, *, network: bool = True) -> int:
    """Check a configuration, what its samplers say, and whether its endpoints answer.

    Args:
        config: the file; None: ``./sampler.toml``, or built-in defaults.
        network: ask the endpoints; nothing is sent to them.

    Returns:
        0, or 69 when an endpoint does not answer.

    Raises:
        ConfigurationError: with every problem.
    """
    agent = prepare(config)
    print(f"{printable(agent.settings.file)}: fine")
    snapshot = _pull(agent)
    for each in agent.settings.adapters:
        _warn(each, snapshot)
        if each.spool is not None and not _writable(Path(each.spool)):
            print(
                f"adapter {each.name!r}: this user cannot write to {each.spool}: without a "
                "spool what waits is kept in memory only",
                file=sys.stderr,
            )
    if not network:
        return OK
    adapters = agent.settings.adapters
    problems = [problem for each in adapters if (problem := _listen(each))]
    if problems:
        raise ConfigurationError(agent.settings.file, problems)
    answers = [_ask(w) for w in adapters if not isinstance(w.adapter, ScrapedAdapter)]
    return OK if all(answers) else UNAVAILABLE


def _warn(each: AdapterSettings, snapshot: Snapshot) -> None:
    """Say who else can read what leaves an adapter, and what its backend cannot carry."""
    if said := exposure(each.adapter):
        print(f"adapter {each.name!r} {said}", file=sys.stderr)
    for word, metrics, sentence in concerned(each.adapter, snapshot):
        shown = ", ".join(metrics[:_SHOWN]) + (", ..." if len(metrics) > _SHOWN else "")
        print(
            f"adapter {each.name!r} does not carry {word} ({len(metrics)} metrics: {shown}): "
            f"{sentence}",
            file=sys.stderr,
        )


def _pull(agent: Agent) -> Snapshot:
    with agent.collector("check", agent.settings.program.interval) as collector:
        snapshot = collector.collect()
        refused = {s.sampler: s.refused for s in collector.statistics() if s.refused}
    counts: Counter[str] = Counter()
    for block in snapshot.blocks:
        counts[block.sampler] += len(block)
    for registration in agent.registry:
        if registration.name in counts:
            print(f"sampler {registration.name!r}: {counts[registration.name]} entries")
        for oddity in ignored_parts(registration.sampler):
            print(f"sampler {registration.name!r}: {oddity}", file=sys.stderr)
    for failure in snapshot.failures:
        print(f"sampler {failure.sampler!r}: {failure.message}", file=sys.stderr)
    for sampler, reasons in refused.items():
        counted = ", ".join(f"{n} {reason}" for reason, n in reasons.items())
        print(f"sampler {sampler!r}: samples refused: {counted}", file=sys.stderr)
    return snapshot


def _writable(folder: Path) -> bool:
    """Tell whether there is, or can be, a folder to write to."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _listen(each: AdapterSettings) -> str | None:
    """Try to bind what is scraped; return the problem, if there is one."""
    if not isinstance(each.adapter, ScrapedAdapter):
        return None
    try:
        each.adapter.open(_nothing, Ledger())
    except Exception as error:
        return f"adapters.{each.name}{cannot_open(error, each.adapter)}"
    each.adapter.close(1.0)
    print(f"adapter {each.name!r}: can listen")
    return None


def _ask(each: AdapterSettings) -> bool:
    try:
        each.adapter.send(Batch((), 0), each.timeout)
    except (Unavailable, Rejected) as error:
        print(
            f"adapter {each.name!r}: does not answer: {shown(str(error))}",
            file=sys.stderr,
        )
        return False
    except Exception as error:  # foreign code
        print(f"adapter {each.name!r}: send raised {described(error)}", file=sys.stderr)
        return False
    print(f"adapter {each.name!r}: answers")
    return True


def _nothing() -> Snapshot:
    raise Unavailable("only checking")
