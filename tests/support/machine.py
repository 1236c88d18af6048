"""What measured: named beside every figure that is committed."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def machine() -> str:
    """Return processor, cores and system."""
    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text().splitlines()
        processor = next((x.partition(": ")[2] for x in lines if x.startswith("model name")), "")
    return f"{processor}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"
