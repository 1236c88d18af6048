"""A client for the tests, which needs no server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults

from mypackage.app import app

if TYPE_CHECKING:
    from collections.abc import Callable


def ask(path: str) -> tuple[int, str]:
    """Return the status and the text of an answer."""
    environ: dict[str, Any] = {"PATH_INFO": path}
    setup_testing_defaults(environ)
    said: list[str] = []

    def start(status: str, *_: Any) -> Callable[[bytes], object]:
        said.append(status)
        return lambda _: None

    text = b"".join(app(environ, start)).decode()
    return int(said[0].split()[0]), text
