"""What goes to standard error: lines for people, or one JSON object a record for machines."""

from __future__ import annotations

import json
import logging
import sys
import time

FORMATS = ("text", "json")


class JSONFormatter(logging.Formatter):
    """Formats a record as one line of JSON: time (RFC 3339, UTC), level, logger, message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; an exception's traceback is its ``exception``."""
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        fields = {
            "time": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)


def log_to_stderr(loudness: int, form: str = "text") -> None:
    """Send log records to standard error.

    Args:
        loudness: 0 for INFO, 1 for DEBUG, -1 for WARNING, less for ERROR.
        form: one of :data:`FORMATS`.
    """
    levels = {0: logging.INFO, -1: logging.WARNING}
    level = logging.DEBUG if loudness > 0 else levels.get(loudness, logging.ERROR)
    handler = logging.StreamHandler(sys.stderr)
    text = logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    handler.setFormatter(JSONFormatter() if form == "json" else text)
    logging.basicConfig(level=level, handlers=[handler], force=True)
