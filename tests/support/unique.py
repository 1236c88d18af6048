"""Names that no other test on this host has meanwhile: an instance is one host's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def service(folder: Path) -> str:
    """Return a service of one test, from its temporary folder."""
    return re.sub(r"\W", "_", "_".join(folder.parts[-3:]))
