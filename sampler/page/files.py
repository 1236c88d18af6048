"""The files of the page: known by name, read from the package, never looked up by a path."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from sampler.adapterkit.http_server import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""What the page may do: nothing from elsewhere, and no HTML made of texts."""
FIELDS = (
    ("Content-Security-Policy", POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-cache"),
)
_INDEX = "index.html"
_found: dict[str, Answer] = {}


def file_answer(path: str) -> Answer | None:
    """Return the file at a path below ``/live/``; None: there is none."""
    if path == "/live":
        return Answer(308, b"", fields=(("Location", "live/"),))
    if not _found:
        _found.update(_read())
    return _found.get(path.removeprefix("/live/") or _INDEX)


def _read() -> Mapping[str, Answer]:
    """Return all files."""
    found = {}
    for each in files("sampler.page").joinpath("static").iterdir():
        kind = _TYPES.get(f".{each.name.rpartition('.')[2]}")
        if kind is not None and each.is_file():
            found[each.name] = Answer(200, each.read_bytes(), kind, FIELDS)
    return found
