"""What is logged about a sampler: each change of its state, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler._runtime.log import log

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sampler._contract.snapshot import Failure
    from sampler._pull.backoff import Health

_QUIET = ("hung", "parked", "exhausted")


def report_failure(health: Health, failure: Failure) -> None:
    """Log a failed pull, unless the last one failed for the same reason."""
    if failure.reason in _QUIET and health.logged:
        return
    if health.logged != failure.reason:
        health.logged = failure.reason
        log.warning("sampler %r: %s: %s", failure.sampler, failure.reason, failure.message)


def report_refused(health: Health, sampler: str, examples: Mapping[str, str]) -> None:
    """Log what a pull that succeeded refused, by reason, or that all is well again."""
    reasons = ",".join(sorted(examples)) if examples else ""
    if health.logged == reasons:
        return
    for reason, example in examples.items():
        if reason not in health.logged.split(","):
            log.warning("sampler %r: samples refused: %s: %s", sampler, reason, example)
    if not reasons:
        log.info("sampler %r: answers again, nothing refused", sampler)
    health.logged = reasons
