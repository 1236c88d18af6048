"""TOML, from bytes that anybody may have written."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from sampler._runtime.printable import one_line
from sampler.agent.config.files import contents
from sampler.agent.config.limits import line_fault

if TYPE_CHECKING:
    import os
    from pathlib import Path


def read_toml(file: str | Path) -> tuple[dict[str, Any], os.stat_result]:
    """Return what a file holds, and what the system says of it.

    Raises:
        ValueError: it cannot be read or is no TOML; the message says why, in one line.
    """
    found = contents(file)
    text = found.text()
    if fault := line_fault(text):
        raise ValueError(f"is no configuration: {fault}")
    try:
        return tomllib.loads(text), found.status
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"is no TOML: {one_line(str(error))}") from None
    except RecursionError:
        what = "too many tables or lists within each other"
        raise ValueError(f"is no configuration: {what}") from None
    except ValueError:  # the only one that it does not turn into its own
        raise ValueError("is no configuration: an integer with thousands of digits") from None
