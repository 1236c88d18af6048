"""Whom a server answers: by the host that a request means, and by what it knows."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import TYPE_CHECKING

from sampler.adapterkit.http_hosts import answers_to, own_names
from sampler.adapterkit.http_request import Answer, Request, plain
from sampler.agent import log

if TYPE_CHECKING:
    from collections.abc import Collection

_WRONG_HOST = (
    "this is asked for by an address, as localhost, by this host's name, or by a name that its "
    "configuration lists: hosts = [...]"
)
_SHOWN = 100
"""Characters of a host that is refused, in the log."""
_TOLD = 5
"""Names in the log."""


class Access:
    """What a server asks of every request.

    Args:
        hosts: names that it answers to, in lower case, beside ``localhost``, this host's name
            and every address; None: to any.
        authorization: the field of that name that every request needs; None: none.
        name: whose, for the log.
    """

    def __init__(
        self, hosts: Collection[str] | None, authorization: str | None, name: str
    ) -> None:
        self._hosts = None if hosts is None else {*hosts, *own_names()}
        self._authorization = authorization
        self._name = name
        self._said: set[str] = set()

    def refusal(self, request: Request) -> Answer | None:
        """Return what a request gets that is not to be answered, or None.

        The host comes first: a page that borrows an address must not ask people for a password.
        """
        host = request.authority
        if self._hosts is not None and host is not None and not answers_to(host, self._hosts):
            self._say(host)
            return plain(421, _WRONG_HOST)
        if self._authorization is not None and not same_secret(
            request.fields.get("authorization", ""), self._authorization
        ):
            return plain(401, fields=(("WWW-Authenticate", 'Basic realm="sampler"'),))
        return None

    def _say(self, host: str) -> None:
        """Say which name was refused, the first few of them: it may be a name of this host's."""
        name = host[:_SHOWN]
        if name and name not in self._said and len(self._said) < _TOLD:
            self._said.add(name)
            log.warning(
                "%s: a request for host %a was refused; if that is this page, add the name to "
                "hosts = [...]",
                self._name,
                name,
            )


def same_secret(given: str, wanted: str) -> bool:
    """Compare two fields ``Authorization`` in a time that tells nothing, not even a length.

    Args:
        given: what a client sent, any bytes as Latin-1.
        wanted: the right one, ASCII; the case of its scheme, its first word, does not count.
    """
    return hmac.compare_digest(_digest(given), _digest(wanted))


def _digest(field: str) -> bytes:
    scheme, _, rest = field.encode("latin-1", "replace").partition(b" ")
    return sha256(scheme.lower() + b" " + rest.strip()).digest()
