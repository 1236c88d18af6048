"""The ``prometheus`` adapter: its options, and the methods that the agent calls."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, ClassVar

import attrs

from sampler.adapterkit.http_options import basic_authorization, on_loopback
from sampler.adapterkit.http_server import (
    Answer,
    Beside,
    Server,
    host_fault,
    listening_socket,
    plain_answer,
)
from sampler.adapterkit.prometheus_names import called
from sampler.adapterkit.sockets import getaddrinfo
from sampler.adapterkit.tls_files import server_context
from sampler.agent import log, option
from sampler.page import LivePage
from sampler_prometheus._exposition import Exposition
from sampler_prometheus._losses import UNSUPPORTED, loses_in_openmetrics
from sampler_prometheus._routes import answer_without_pull, asks_if_ready, vary

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping, Sequence

    from sampler.adapterkit.http_server import Request
    from sampler.adapterkit.sockets import Socket
    from sampler.agent import Agent, Ledger, Series, Snapshot
    from sampler_prometheus._exposition import Page


def listen_fault(listen: str) -> str | None:
    """Say what is wrong with a ``host:port``, or return None."""
    host, colon, port = listen.rpartition(":")
    if not colon or not host:
        return f"expected host:port such as '127.0.0.1:9464' or '[::1]:9464', got {listen!r}"
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        return f"write an IPv6 address in brackets: '[{host}]:{port}'"
    if not (port.isascii() and port.isdecimal() and len(port) <= 5 and int(port) <= 65535):
        return f"the port must be a number from 0 to 65535, got {port[:20]!r}"
    return None


def _hosts_fault(hosts: Sequence[str]) -> str | None:
    return next((fault for host in hosts if (fault := host_fault(host))), None)


@attrs.define(eq=False)
class Prometheus:
    """Serve ``/metrics`` for Prometheus to scrape, as text 0.0.4 or OpenMetrics 1.0."""

    unsupported: ClassVar[Mapping[str, str]] = UNSUPPORTED
    loses = staticmethod(loses_in_openmetrics)
    listen: str = option(
        "127.0.0.1:9464",
        "Where to listen, as host:port; port 0 takes a free one.",
        check=listen_fault,
    )
    max_connections: int = option(
        128,
        "Clients served at once; beyond it the slowest are disconnected first.",
        minimum=1,
        maximum=10_000,
    )
    reply_timeout: float = option(
        10.0, "Seconds that a client has to read its reply.", minimum=0.1, maximum=600
    )
    tls_cert: str | None = option(
        None, "Serve HTTPS with this certificate: a PEM file, its issuers included.", kind=str
    )
    tls_key: str | None = option(
        None,
        "Its private key: a PEM file; default: the file of the certificate.",
        kind=str,
        private=True,
    )
    hosts: tuple[str, ...] = option(
        (),
        "Host names that are answered, beside every address, localhost, this host's name and the "
        "one in listen; a request for another name is refused.",
        check=_hosts_fault,
    )
    username: str | None = option(
        None, "Answer only clients that send this name and the password.", kind=str
    )
    password: str | None = option(None, "For basic authentication.", kind=str, secret=True)
    live: bool = option(
        default=False,
        help="Serve the live page, too, at /live/: every series of the last hour, adapters, "
        "samplers and processes, for people.",
    )
    _agent: Agent | None = attrs.field(default=None, init=False, repr=False)
    _server: Server | None = attrs.field(default=None, init=False, repr=False)
    _failing: bool = attrs.field(default=False, init=False, repr=False)
    _has_made_one: bool = attrs.field(default=False, init=False, repr=False)
    _tls: ssl.SSLContext | None = attrs.field(default=None, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together: set both or none")
        if self.username is not None and ":" in self.username:
            raise ValueError("username: basic authentication does not allow ':' in it")
        if self.tls_cert is not None:
            self._tls = server_context(self.tls_cert, self.tls_key)
        elif self.tls_key is not None:
            raise ValueError("tls_key: set tls_cert, too: the certificate that it belongs to")

    @property
    def files(self) -> tuple[str, ...]:
        """Files beside the configuration: a reload checks whether they have changed."""
        return tuple(file for file in (self.tls_cert, self.tls_key) if file is not None)

    @property
    def exposure(self) -> str | None:
        """What others on the network can do, and the remedy; None if they can do nothing."""
        if on_loopback(self.listen.rpartition(":")[0].strip("[]")):
            return None
        said = []
        if self.username is None:
            said.append("anybody who reaches it can read every number: set username and password")
        if self.tls_cert is None:
            said.append("others on the network can read along: set tls_cert and tls_key")
        return f"listens on {self.listen}: {'; '.join(said)}" if said else None

    @property
    def address(self) -> str:
        """The ``host:port`` it listens on, with the port that the kernel chose."""
        if self._server is None:
            return self.listen
        host, port = self._server.address
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def open(self, collect: Callable[[], Snapshot], ledger: Ledger) -> None:
        """Bind and begin to answer scrapes.

        Args:
            collect: makes a snapshot; called once for all clients that wait.
            ledger: counts the entries of every answer.

        Raises:
            OSError: the address cannot be bound.
        """
        host, _, port = self.listen.rpartition(":")
        found = getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, *_, address = found[0]
        self._serve(listening_socket(family, address), collect, ledger)

    def replace(self, before: Prometheus, collect: Callable[[], Snapshot], ledger: Ledger) -> None:
        """Replace a running adapter; if both listen on the same address, no client notices.

        Args:
            before: the running one, which is closed afterwards.
            collect: as for :meth:`open`.
            ledger: as for :meth:`open`.

        Raises:
            OSError: the address is another one, and cannot be bound.
        """
        if before.listen == self.listen and before._server is not None:
            self._serve(before._server.duplicate_listener(), collect, ledger)
        else:
            self.open(collect, ledger)

    def close(self, timeout: float) -> None:
        """Answer no more; answers under way have ``timeout`` seconds to end."""
        server, self._server = self._server, None
        if server is not None:
            server.close(timeout)

    def _serve(self, listener: Socket, collect: Callable[[], Snapshot], ledger: Ledger) -> None:
        exposition = Exposition(collect, ledger, self.reply_timeout)
        named = self.listen.rpartition(":")[0].strip("[]")
        page = LivePage(self._agent) if self.live and self._agent is not None else None
        self._server = Server(
            listener,
            lambda requests: self._answers(exposition, requests),
            lambda request: answer_without_pull(request, ready=self._ready),
            hosts={name.lower() for name in (*self.hosts, named)},
            max_connections=self.max_connections,
            reply_timeout=self.reply_timeout,
            tls=self._tls,
            authorization=self._authorization,
            beside=None if page is None else Beside(page.wants, page.answers),
        )

    def called(self, series: Series, identity: Mapping[str, str]) -> str:
        """Return what the backend calls a series."""
        del identity
        return called(series)

    def attach(self, agent: Agent) -> None:
        """Know the agent, whose live page it serves."""
        self._agent = agent

    @property
    def _authorization(self) -> str | None:
        if self.username is None:
            return None
        return basic_authorization(self.username, self.password or "")

    @property
    def _ready(self) -> bool | None:
        if self._server and self._server.closing:
            return False
        return True if self._has_made_one and not self._failing else None

    def _answers(self, exposition: Exposition, requests: list[Request]) -> list[Answer]:
        wanted = [(r.fields.get("accept"), r.fields.get("accept-encoding")) for r in requests]
        try:
            pages = exposition.answers(wanted)
        except BaseException as error:
            if not self._failing:
                log.exception("a scrape of %s failed", self.address)
            self._failing = True
            return [_failed(request, error) for request in requests]
        self._failing, self._has_made_one = False, True
        return [_answer(*each) for each in zip(requests, pages, strict=True)]


def _failed(request: Request, error: BaseException) -> Answer:
    status = 503 if asks_if_ready(request) else 500
    return Answer(status, f"cannot collect: {type(error).__name__}\n".encode())


def _answer(request: Request, page: Page) -> Answer:
    if asks_if_ready(request):
        return plain_answer(200)
    encoding = (("Content-Encoding", page.encoding),) if page.encoding else ()
    return Answer(200, page.parts, page.content_type, (*vary(), *encoding), page.settle)
