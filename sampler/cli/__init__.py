"""The ``sampler`` command."""

from __future__ import annotations

from sampler.cli.interrupts import INTERRUPTED, EndAtOnce

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: arguments without the program's name; default: the process' own.

    Returns:
        The exit status.
    """
    try:
        with EndAtOnce():  # slow imports come here
            from sampler.cli.main import main

        return main(argv)
    except KeyboardInterrupt:
        return INTERRUPTED


__all__ = ["main"]
