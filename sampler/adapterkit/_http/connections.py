"""The clients of a server, and the selector that waits for what they send and take."""

from __future__ import annotations

from selectors import EVENT_READ
from typing import TYPE_CHECKING

from sampler.adapterkit._http.client_connection import ClientConnection
from sampler.adapterkit._http.wakeup import close_quietly
from sampler.adapterkit.threads import Selector
from sampler.adapterkit.tls import TLSSocket

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Container

    from sampler.adapterkit._http.wakeup import Wakeup
    from sampler.adapterkit.sockets import Socket

_forgotten: list[object] = []
"""Selectors that the program has closed: one without a reference would close its number."""


class Connections:
    """All clients of one server. Not for several threads at once.

    Args:
        on_failure: called with what nobody expected of a client, within its ``except`` block.

    Attributes:
        clients: by descriptor, in the order in which they connected.
        selector: waits for the clients; the server registers its own sockets with it, too.
    """

    def __init__(self, on_failure: Callable[[BaseException], object]) -> None:
        self.clients: dict[int, ClientConnection] = {}
        self.selector = Selector()
        self._on_failure = on_failure

    def renew_selector(self) -> None:
        """Take a new selector, with which nothing is registered."""
        close_quietly(self.selector)
        self.selector = Selector()

    def begin_anew(self) -> None:
        """Let all clients go, with a new selector: the program has closed our descriptors."""
        self.forget_selector()
        self.drop_all()

    def lost(self, wakeup: Wakeup) -> bool:
        """Tell whether the program has closed the selector, or what it is to be woken by."""
        if wakeup.lost:
            return True
        known = self.selector.get_map()
        modify = getattr(getattr(self.selector, "_selector", None), "modify", None)
        if known is None or modify is None:  # it is closed, or nothing tells
            return False
        if wakeup.receiver not in known:  # registering it has failed
            return True
        try:
            modify(wakeup.receiver.fileno(), EVENT_READ)  # as it was; another selector has it not
        except OSError:
            return True
        return False

    def forget_selector(self) -> None:
        """Take a new selector, and do not close the one before.

        Its number may be that of one of the program's by now, which nothing tells from it.
        """
        before, self.selector = self.selector, Selector()
        _forgotten.append(before)

    def register_all(self, pending: Container[ClientConnection]) -> None:
        """Register all clients with a new selector.

        Args:
            pending: clients that will get an answer; others that wait for one leave.
        """
        for client in list(self.clients.values()):
            if client.awaits_answer and client not in pending:
                client.leave()
            try:
                self._follow(client)
            except (OSError, ValueError):  # the program has closed its descriptor
                client.leave()
                self._forget(client)

    def add(self, connection: Socket, tls: ssl.SSLContext | None) -> ClientConnection | None:
        """Add an accepted connection; return None if its client has left already."""
        try:
            connection.setblocking(False)
            client = ClientConnection(
                TLSSocket(connection, tls, server_side=True) if tls else connection
            )
        except OSError:
            connection.close()
            return None
        except BaseException:
            connection.close()
            raise
        if before := self.clients.pop(client.descriptor, None):  # the program has closed it
            before.leave()
            before.connection.detach()
            if client.descriptor in self.selector.get_map():
                self.selector.unregister(client.descriptor)
        self.clients[client.descriptor] = client
        self._follow(client)
        return client

    def advance(
        self, client: ClientConnection, step: Callable[[ClientConnection], object]
    ) -> None:
        """Do the next step of a client; the server calls a client's methods only through this.

        Nothing is done for a client that has left. If the step raises, only this client is lost;
        so it is if the program has closed its descriptor.
        """
        if client.gone:
            return
        try:
            if client.connection.is_ours():
                step(client)
            else:
                client.leave()
        except OSError:
            client.leave()
        except BaseException as error:
            client.leave()
            self._on_failure(error)
        finally:
            self._follow(client)

    def drop_all(self) -> None:
        """Let every client leave, and close its socket. Harmless a second time."""
        for client in list(self.clients.values()):
            client.leave()
            self._forget(client)

    def close_sockets(self) -> None:
        """Close the selector and every socket, without sending anything."""
        for each in (self.selector, *(client.connection for client in self.clients.values())):
            close_quietly(each)

    def _follow(self, client: ClientConnection) -> None:
        """Wait for the events of a client; close the socket of one that has left."""
        if client.gone:
            self._forget(client)
            return
        key = (self.selector.get_map() or {}).get(client.descriptor)
        events = client.events
        if key is None and events:
            self.selector.register(client.connection, events, client)
        elif key is not None and not events:
            self.selector.unregister(client.descriptor)
        elif key is not None and key.events != events:
            self.selector.modify(client.descriptor, events, client)

    def _forget(self, client: ClientConnection) -> None:
        if self.clients.get(client.descriptor) is not client:
            return
        if client.descriptor in (self.selector.get_map() or ()):
            self.selector.unregister(client.descriptor)
        close_quietly(client.connection)
        del self.clients[client.descriptor]
