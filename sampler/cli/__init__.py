"""The ``sampler`` command."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130
"""What a shell reports: 128 plus the number of SIGINT."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: arguments without the program's name; default: the process' own.

    Returns:
        The exit status.
    """
    try:  # slow imports come late, so that Ctrl-C during them prints no traceback
        from sampler.cli.main import main

        return main(argv)
    except KeyboardInterrupt:
        return INTERRUPTED


__all__ = ["main"]
