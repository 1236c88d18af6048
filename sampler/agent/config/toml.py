"""Reads TOML files, whatever bytes they hold."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from sampler._runtime.printable import one_line
from sampler.agent.config.files import read_plain_file
from sampler.agent.config.limits import line_fault
from sampler.agent.config.other_formats import seems

if TYPE_CHECKING:
    import os
    from pathlib import Path


def read_toml(file: str | Path) -> tuple[dict[str, Any], os.stat_result]:
    """Return the tables of a file, and its ``stat``.

    Raises:
        ValueError: it cannot be read or is not valid TOML; the message says why, in one line.
    """
    found = read_plain_file(file)
    text = found.text()
    if fault := line_fault(text):
        raise ValueError(f"is not a valid configuration: {fault}")
    try:
        return tomllib.loads(text), found.status
    except tomllib.TOMLDecodeError as error:
        what = f": {one_line(other)}" if (other := seems(text)) else ""
        raise ValueError(f"is not valid TOML: {one_line(str(error))}{what}") from None
    except RecursionError:
        raise ValueError("is not a valid configuration: it is nested too deeply") from None
    except ValueError:  # the only one that tomllib lets through
        what = "an integer has thousands of digits"
        raise ValueError(f"is not a valid configuration: {what}") from None
