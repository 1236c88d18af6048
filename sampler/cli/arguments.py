"""What the arguments of commands have in common."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def seconds(text: str) -> float:
    """Read a duration."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds") from None
    if not 1 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is out of range: 1 to 3600 seconds")
    return value


def find_modules_here() -> None:
    """Put the working directory on the path, as gunicorn and uvicorn do: the program is there."""
    try:
        here = str(Path.cwd())
    except OSError:  # somebody has removed it
        return
    if not sys.flags.safe_path and not {"", here} & set(sys.path):
        sys.path.insert(0, here)
