"""Start and stop inside an event loop, which goes on meanwhile: its own samplers can answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler.agent.beside import beside
from sampler.agent.singleton import start, stop, stop_at_signals
from sampler.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from types import TracebackType
    from typing import TypeAlias

    from sampler._registry.registry import Registry
    from sampler.agent.agent import Agent
    from sampler.agent.config.given import Config
    from sampler.agent.delivery.ledger import Balance

    Message: TypeAlias = MutableMapping[str, Any]
    Receive: TypeAlias = Callable[[], Awaitable[Message]]
    Send: TypeAlias = Callable[[Message], Awaitable[None]]
    Application: TypeAlias = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


async def astart(
    config: Config = None,
    registry: Registry | None = None,
    *,
    signals: bool = False,
) -> Agent:
    """Do what :func:`start` does, while the running event loop goes on.

    :func:`start` waits for the first pull, and so on the loop's own thread for ever for an ``async
    def`` sampler of that loop.

    Args:
        config: as of :func:`start`.
        registry: likewise.
        signals: likewise.

    Raises:
        ConfigurationError: the configuration has problems.
    """
    if signals:
        stop_at_signals()
    return await beside(lambda: start(config, registry))


async def astop(timeout: float | None = None) -> dict[str, Balance]:  # noqa: ASYNC109
    """Do what :func:`stop` does, while the running event loop goes on.

    Args:
        timeout: as of :func:`stop`, in seconds.
    """
    return await beside(lambda: stop(timeout))


class running:  # noqa: N801 - read as a verb: async with running(...)
    """An agent for as long as an ``async with`` block runs, as in a framework's lifespan function.

    .. code-block:: python

        @contextlib.asynccontextmanager
        async def lifespan(app):
            async with sampler.agent.running("sampler.toml"):
                yield

    Args:
        config: as of :func:`start`.
        registry: likewise.
    """

    def __init__(self, config: Config = None, registry: Registry | None = None) -> None:
        self._config = config
        self._registry = registry

    async def __aenter__(self) -> Agent:
        """Start; see :func:`astart`."""
        return await astart(self._config, self._registry)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop; see :func:`astop`."""
        await astop()


class Lifespan:
    """An ASGI application with an agent from the server's start of it to its end.

    The agent starts before the application, and stops after it. An application that does not
    know the lifespan protocol needs not.

    Args:
        application: what is served.
        config: as of :func:`start`.
        registry: likewise.
    """

    def __init__(
        self,
        application: Application,
        config: Config = None,
        registry: Registry | None = None,
    ) -> None:
        self._application = application
        self._config = config
        self._registry = registry

    async def __call__(
        self, scope: MutableMapping[str, Any], receive: Receive, send: Send
    ) -> None:
        """Serve a connection, or the life of the application (ASGI: Lifespan Protocol)."""
        if scope["type"] != "lifespan":
            await self._application(scope, receive, send)
            return
        first = [await receive()]
        try:
            await astart(self._config, self._registry)
        except ConfigurationError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        sent: list[str] = []

        async def receive_here() -> Message:
            return first.pop() if first else await receive()

        async def send_here(message: Message) -> None:
            sent.append(message["type"])
            if message["type"] != "lifespan.startup.complete":  # it has ended, or failed to start
                await astop()
            await send(message)

        try:
            await self._application(scope, receive_here, send_here)
        except Exception:
            if sent:
                await astop()
                raise
        if not sent:  # it does not know the protocol
            await send({"type": "lifespan.startup.complete"})
            while (await receive())["type"] != "lifespan.shutdown":
                pass
            await send_here({"type": "lifespan.shutdown.complete"})
