"""Standard error: lines for people, or for machines one JSON object for each record."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from typing import TYPE_CHECKING

from sampler._contract.declaration import short

if TYPE_CHECKING:
    from types import TracebackType

_log = logging.getLogger("sampler")


class JSONFormatter(logging.Formatter):
    """Formats a record as one line of JSON: time (RFC 3339, UTC), level, logger, message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a traceback goes into ``exception``, a stack into ``stack``."""
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        fields = {
            "time": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        elif record.exc_text:
            fields["exception"] = record.exc_text
        if record.stack_info:
            fields["stack"] = record.stack_info
        return json.dumps(fields)  # in ASCII: some readers end a line at U+2028, too


def log_to_stderr(loudness: int, form: str = "text") -> None:
    """Send log records to standard error.

    Args:
        loudness: 0 for INFO, 1 for DEBUG, -1 for WARNING, less for ERROR.
        form: ``text`` or ``json``. With ``json``, Python's warnings and uncaught exceptions
            become records, too.
    """
    levels = {0: logging.INFO, -1: logging.WARNING}
    level = logging.DEBUG if loudness > 0 else levels.get(loudness, logging.ERROR)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    if form == "json":
        handler.setFormatter(JSONFormatter())
        logging.captureWarnings(capture=True)
        sys.excepthook = _uncaught
        threading.excepthook = _uncaught_in_thread


def print_problems(problems: str, form: str = "text") -> None:
    """Print problems that end the command, one a line; in JSON each is a record."""
    if form == "text":
        print(problems, file=sys.stderr)
        return
    for line in problems.splitlines():
        _log.error("%s", line)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # the arguments do not fit the message
        return f"{record.msg} {short(record.args)}"


def _uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    _log.critical("uncaught exception", exc_info=(kind, error, trace))


def _uncaught_in_thread(found: threading.ExceptHookArgs) -> None:
    if found.exc_value is not None and found.exc_type is not SystemExit:
        name = found.thread.name if found.thread else "?"
        trace = (found.exc_type, found.exc_value, found.exc_traceback)
        _log.critical("uncaught exception in thread %s", name, exc_info=trace)
