"""Every error this project raises.

::

    SamplerError
    ├── InvalidSampler (ValueError)      a mapping that breaks the contract
    ├── SamplerConflict (ValueError)     a mapping that clashes with a registered one
    ├── CollectorBusy (RuntimeError)     collect() from inside a sampler, or after close()
    ├── ConfigurationError               a sampler.toml with one or more problems
    ├── Unavailable                      an endpoint cannot take a batch now; a resend is harmless
    └── Rejected                         an endpoint refused entries of a batch for good

Each has the offending object as an attribute; its message says what to do.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Self


class SamplerError(Exception):
    """Root of this project's errors."""


class Fault(str):
    """A sentence about what breaks the contract.

    Attributes:
        clause: the PEP's clause that is broken.
    """

    __slots__ = ("clause",)

    clause: str

    def __new__(cls, clause: str, sentence: str) -> Self:
        """Make a fault."""
        fault = super().__new__(cls, sentence)
        fault.clause = clause
        return fault


class InvalidSampler(SamplerError, ValueError):
    """A sampler mapping breaks the contract.

    Attributes:
        sampler: the offending object.
        faults: one sentence per fault, all of them.
    """

    def __init__(self, sampler: Any, faults: Iterable[Fault]) -> None:
        self.sampler = sampler
        self.faults: tuple[Fault, ...] = tuple(faults)
        name = sampler.get("name") if isinstance(sampler, dict) else None
        label = f"sampler {name!r}" if isinstance(name, str) else "sampler"
        listed = "; ".join(f"{fault} ({fault.clause})" for fault in self.faults)
        super().__init__(f"{label}: {listed}")


class SamplerConflict(SamplerError, ValueError):
    """A sampler clashes with one that is registered already.

    Attributes:
        sampler: the mapping that was refused.
        existing: the name of the registered sampler it clashes with.
    """

    def __init__(self, sampler: Any, existing: str, message: str) -> None:
        self.sampler = sampler
        self.existing = existing
        super().__init__(message)


class CollectorBusy(SamplerError, RuntimeError):
    """A pull was requested where none can run.

    Attributes:
        name: the consumer's name.
    """

    def __init__(self, name: str, message: str) -> None:
        self.name = name
        super().__init__(f"collector {name!r}: {message}")


MAX_PROBLEMS = 50
"""Problems of a configuration that are listed; the rest is counted."""


class ConfigurationError(SamplerError):
    """A configuration has problems; the message lists the first 50 of them.

    Attributes:
        file: where the configuration came from.
        problems: one line each, with key and remedy.
    """

    def __init__(self, file: str, problems: Iterable[str]) -> None:
        self.file = file
        self.problems: tuple[str, ...] = tuple(problems)
        lines = [f"{file}: {problem}" for problem in self.problems[:MAX_PROBLEMS]]
        if more := len(self.problems) - len(lines):
            lines.append(f"{file}: ... and {more:,} more")
        super().__init__("\n".join(lines))


class Unavailable(SamplerError):
    """The endpoint cannot take the batch now, and sending it again is harmless.

    Attributes:
        retry_after: seconds the endpoint asked to wait, or None.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class Rejected(SamplerError):
    """The endpoint refused entries of a batch; sending them again is useless.

    Attributes:
        reason: one word for the ``dropped`` counter.
        samples: how many entries were refused (the rest was delivered); None: all, or unknown.
        whole: whatever is sent is refused, as without the right password: a batch is not halved to
            find out what is wrong with it.
    """

    def __init__(
        self,
        reason: str,
        samples: int | None = None,
        message: str = "",
        *,
        whole: bool = False,
    ) -> None:
        self.reason = reason
        self.samples = samples
        self.whole = whole
        super().__init__(message or f"rejected: {reason}")
