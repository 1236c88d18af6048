"""One read of a server's status page: bounded in time and in size; a failure is said clearly."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sampler.adapterkit import http
from sampler.samplers.servers._settings import known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

TIMEOUT = 1.0
"""Seconds that one read may take; the setting ``timeout`` says otherwise."""
LONGEST = 4.0
"""The most that it may say: a pull has five."""
MOST = 2**18
"""Bytes of a page; the rest of a longer one is not read."""


class BadPageError(Exception):
    """A status page that says nothing, with its address."""


class StatusPage:
    """A page that a sampler reads.

    Args:
        settings: of the sampler: ``url``, ``timeout`` in seconds, and ``socket``, the path of a
            unix socket to connect to.
        default: the URL where the settings name none.
        parse: yields samples of the page's text; raises ValueError where it is another page.

    Raises:
        ValueError: the settings are none.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        default: str,
        parse: Callable[[str], Iterator[tuple[Any, ...]]],
    ) -> None:
        known(settings, "url", "socket", "timeout")
        self._url: str = _text(settings, "url", default) or default
        self._socket = _text(settings, "socket", None)
        self._timeout = settings.get("timeout", TIMEOUT)
        number = isinstance(self._timeout, int | float) and not isinstance(self._timeout, bool)
        if not number or not 0 < self._timeout <= LONGEST:
            raise ValueError(
                f"timeout: expected seconds above 0, {LONGEST:g} at most, got {self._timeout!r}"
            )
        if not self._url.startswith("http://"):
            raise ValueError(f"url: expected http://HOST:PORT/PATH, got {self._url!r}")
        self._parse = parse

    def __call__(self) -> list[tuple[Any, ...]]:
        """Return the samples of the page.

        Raises:
            BadPageError: it cannot be read in time, is too long, or is none that we know.
        """
        try:
            reply = self._read()
        except (OSError, ValueError) as error:
            raise BadPageError(f"{self._url}: {error or type(error).__name__}") from None
        if reply.status != 200:
            raise BadPageError(f"{self._url}: answered {reply.status}: {reply.text[:80]}")
        if len(reply.body) > MOST:
            raise BadPageError(f"{self._url}: longer than {MOST} bytes: is it a status page?")
        try:
            # A list: a page that is torn tells nothing, not a part.
            return list(self._parse(reply.body.decode("ascii", "replace")))
        except (ValueError, LookupError) as error:
            raise BadPageError(f"{self._url}: no such status page: {error}") from None

    def _read(self) -> http.Reply:
        until = time.monotonic() + self._timeout
        root, path = _divided(self._url)
        with http.connect(root, until, path=self._socket) as connection:
            return connection.request("GET", path, most=MOST + 1)


def _divided(url: str) -> tuple[str, str]:
    """Return the root of a URL, and its path with the query."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host}", slash + path or "/"


def _text(settings: Mapping[str, Any], key: str, default: str | None) -> str | None:
    found = settings.get(key, default)
    if found is not None and not isinstance(found, str):
        raise ValueError(f"{key}: expected a text, got {found!r}")
    return found
