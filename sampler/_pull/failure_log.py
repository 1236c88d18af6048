"""What the log says about a sampler: changes of its state, once each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler._runtime.log import log

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sampler._contract.snapshot import Failure
    from sampler._registry.backoff import Health

_QUIET = ("hung", "parked", "exhausted")


def report_failure(health: Health, failure: Failure) -> None:
    """Log a failed pull, unless it only goes on failing."""
    if failure.reason in _QUIET and health.said:
        return
    if health.said != failure.reason:
        health.said = failure.reason
        log.warning("sampler %r: %s: %s", failure.sampler, failure.reason, failure.message)


def report_refused(health: Health, sampler: str, examples: Mapping[str, str]) -> None:
    """Log what a good pull refused, by reason, and that all is well again."""
    said = ",".join(sorted(examples))
    if health.said == said:
        return
    for reason, example in examples.items():
        if reason not in health.said.split(","):
            log.warning("sampler %r: samples refused: %s: %s", sampler, reason, example)
    if not said:
        log.info("sampler %r: answers again, nothing refused", sampler)
    health.said = said
