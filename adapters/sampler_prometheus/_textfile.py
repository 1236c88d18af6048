"""The ``textfile`` adapter: each snapshot as a file for node_exporter's textfile collector."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from sampler.adapterkit.dotted_paths import filled_in, placeholder_fault, segment
from sampler.adapterkit.identity_labels import labels_fault
from sampler.agent import DELIVERED, Batch, Unavailable, option, read_plain_file
from sampler_prometheus._losses import BOUNDS, PRECISION, UNIT, ZERO_SUM, loses_in_text
from sampler_prometheus._text import TEXT, TextRenderer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sampler.agent import Outcome, Since, Snapshot

_NAME = re.compile(rb"^([a-zA-Z_:][\w:]*)(\{?)(.*)", re.MULTILINE)
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_HELP = re.compile(rb"^# HELP .*\n", re.MULTILINE)
_OWN = b"# TYPE process_start_time_seconds "
_OWN_HELP = (
    b"# HELP process_start_time_seconds Start time of the process since unix epoch in seconds."
)
"""node_exporter serves one of its own, and others of that name only with the same help."""
_MODE = 0o644
"""node_exporter is another user; what is in the file, it shows to everybody anyway."""
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def path_fault(template: str) -> str | None:
    """Say what is wrong with a template of a path, or return None."""
    if not template.startswith("/"):
        return f"must be an absolute path, got {template!r}"
    if not template.endswith(".prom"):
        return f"must end in .prom, or node_exporter does not read it, got {template!r}"
    return placeholder_fault(template)


@attrs.define(eq=False)
class Textfile:
    """Write each snapshot into a file that node_exporter serves with its own metrics.

    The file is replaced as a whole, so no reader sees half of one.
    """

    stamped = False
    idempotent = True
    relative = False
    for_jobs: ClassVar[Mapping[str, Any]] = {"keep": True}
    unsupported: ClassVar[Mapping[str, str]] = {
        "unit": UNIT,
        "help": "left out: of files that differ in it, node_exporter serves one only",
        "precision": PRECISION,
        "timestamps": "left out: node_exporter ignores files that have any",
        "histograms": f"{BOUNDS}; {ZERO_SUM}",
    }
    loses = staticmethod(loses_in_text)
    path: str = option(
        "/var/lib/prometheus/node-exporter/{service}.prom",
        "The file, in the folder that node_exporter has as --collector.textfile.directory; "
        "{service}, {host}, {instance}, {pid} and {role} are filled in. Each process needs its "
        "own.",
        check=path_fault,
    )
    labels: dict[str, str] = option(
        {"service": "{service}"},
        "Labels of every series that does not have them, with the same placeholders: what two "
        "files have alike, node_exporter serves neither of.",
        check=labels_fault,
    )
    keep: bool = option(
        default=False,
        help="Keep the metrics that the file has and a pull has not, such as those that a failed "
        "run of a job does not report.",
    )
    _text: TextRenderer = attrs.field(factory=TextRenderer, init=False, repr=False)

    def encode(self, snapshot: Snapshot, since: Since) -> Iterator[Batch]:
        """Yield one batch: the whole file, and its path."""
        del since
        written = self._text.render(snapshot, TEXT)
        carried = written.entries - sum(written.refused.values())
        words = {word: segment(text) for word, text in snapshot.identity.items()}
        if written.entries:
            text = _HELP.sub(b"", written.body).replace(_OWN, _OWN_HELP + b"\n" + _OWN)
            body = _labelled(text, self._labels(snapshot.identity))
            path = filled_in(self.path, words)
            yield Batch((body,) if carried else (), carried, written.refused, path)

    def send(self, batch: Batch, timeout: float) -> Outcome:
        """Replace the file.

        Raises:
            Unavailable: it cannot be written; what was there stays.
        """
        del timeout
        if not batch.samples:
            folder = _PLACEHOLDER.split(self.path)[0].rpartition("/")[0] or "/"
            if not os.access(folder, os.W_OK | os.X_OK):
                raise Unavailable(f"this user cannot write into {folder}")
            return DELIVERED
        path, body = Path(batch.note), b"".join(batch.frames)
        try:
            if self.keep and path.exists():
                body += b"".join(_others(read_plain_file(path).data, body))
            _replace(path, body)
        except (OSError, ValueError) as error:
            said = getattr(error, "strerror", None) or str(error)
            raise Unavailable(f"{path}: {said}") from None
        return DELIVERED

    def _labels(self, identity: Mapping[str, str]) -> dict[str, bytes]:
        texts = {label: filled_in(text, identity) for label, text in self.labels.items()}
        return {label: _quoted(label, text) for label, text in texts.items() if text}


def _quoted(label: str, text: str) -> bytes:
    text = text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return f'{label}="{text}"'.encode("utf-8", "replace")


def _labelled(body: bytes, labels: Mapping[str, bytes]) -> bytes:
    """Return a text whose series have these labels, too; a series' own stand."""
    own = {label: b'%s="' % label.encode() for label in labels}

    def line(match: re.Match[bytes]) -> bytes:
        name, brace, rest = match.groups()
        here = rest if brace else b""
        more = [
            text
            for label, text in labels.items()
            if not (here.startswith(own[label]) or b'",' + own[label] in here)
        ]
        if not more:
            return match[0]
        end = (b"," if rest[:1] != b"}" else b"") + rest if brace else b"}" + rest
        return b"%s{%s%s" % (name, b",".join(more), end)

    return _NAME.sub(line, body)


def _others(before: bytes, now: bytes) -> Iterator[bytes]:
    """Yield the lines of families that a text has and another has not."""
    here = {name for name, _ in _families(now)}
    for name, line in _families(before):
        if name not in here:
            yield line


def _families(text: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield each line of a text with the name of its family, which a comment begins."""
    name = b""
    for line in text.splitlines(keepends=True):
        if line.startswith((b"# HELP ", b"# TYPE ")):
            name = line.split()[2]
        yield name, line


def _replace(path: Path, body: bytes) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)  # of a process that was killed and had the same number
    try:
        with os.fdopen(os.open(beside, _NEW, _MODE), "wb") as file:
            os.fchmod(file.fileno(), _MODE)  # cron may have a narrow umask
            file.write(body)
        beside.replace(path)
    except BaseException:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
