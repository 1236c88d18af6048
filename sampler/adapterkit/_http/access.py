"""Which requests a server answers: by the host that they name, and by their password."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import TYPE_CHECKING

from sampler.adapterkit._http.exchange import Answer, Request, plain_answer
from sampler.adapterkit._http.hosts import answers_to, own_names
from sampler.agent import log

if TYPE_CHECKING:
    from collections.abc import Collection

_WRONG_HOST = (
    "use an address, localhost, this host's name, or a name that the configuration lists in "
    "hosts = [...]"
)
_SHOWN = 100
"""Characters of a refused host that the log shows."""
_LOGGED = 5
"""Refused hosts that are logged."""


class Access:
    """Checks every request.

    Args:
        hosts: names that are answered, in lower case, beside ``localhost``, this host's name and
            every address; None: any name is.
        authorization: the header ``Authorization`` that every request needs; None: none.
        name: of the server, for the log.
    """

    def __init__(
        self, hosts: Collection[str] | None, authorization: str | None, name: str
    ) -> None:
        self._hosts = None if hosts is None else {*hosts, *own_names()}
        self._authorization = authorization
        self._name = name
        self._logged: set[str] = set()

    def refusal(self, request: Request) -> Answer | None:
        """Return the answer to a request that is refused, or None for one that is not.

        The host is checked first: under a foreign name, nobody is asked for the password.
        """
        host = request.authority
        if self._hosts is not None and host is not None and not answers_to(host, self._hosts):
            self._log(host)
            return plain_answer(421, _WRONG_HOST)
        if self._authorization is not None and not same_secret(
            request.fields.get("authorization", ""), self._authorization
        ):
            return plain_answer(401, fields=(("WWW-Authenticate", 'Basic realm="sampler"'),))
        return None

    def _log(self, host: str) -> None:
        """Log a refused name, the first few only: it may be another name of this host."""
        name = host[:_SHOWN]
        if name and name not in self._logged and len(self._logged) < _LOGGED:
            self._logged.add(name)
            log.warning(
                "%s: a request for host %a was refused; if that is this page, add the name to "
                "hosts = [...]",
                self._name,
                name,
            )


def same_secret(given: str, wanted: str) -> bool:
    """Compare two ``Authorization`` headers in a time that reveals nothing, not even a length.

    Args:
        given: what a client sent, any bytes as Latin-1.
        wanted: the right one, ASCII; the case of its first word, the scheme, does not matter.
    """
    return hmac.compare_digest(_digest(given), _digest(wanted))


def _digest(field: str) -> bytes:
    scheme, _, rest = field.encode("latin-1", "replace").partition(b" ")
    return sha256(scheme.lower() + b" " + rest.strip()).digest()
