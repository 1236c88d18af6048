"""What WSGI and ASGI middleware have in common: settings, and whose stamps count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from sampler._instruments import free_threading
from sampler.agent.config.web import WebSettings, listen
from sampler.web._published import state_of
from sampler.web._stamps import Stamps

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sampler._registry.registry import Registry

_NEVER = float("inf")
OVERLOADED = b"overloaded: try again later\n"
"""The body of an answer to a request that is shed."""
SHED_HEADERS = (
    ("Content-Type", "text/plain; charset=utf-8"),
    ("Content-Length", str(len(OVERLOADED))),
    ("Cache-Control", "no-store"),
    ("Retry-After", "1"),
)


class Middleware:
    """An application around another one.

    Args:
        application: what is served.
        registry: which registry has the numbers; default: the default registry.
        trusted: see :class:`sampler.agent.config.web.WebSettings`, as the next three; what is
            not given is the configuration's.
        shed: likewise.
        server_timing: likewise.

    Raises:
        ValueError: a setting is not possible.
    """

    def __init__(
        self,
        application: Any,
        *,
        registry: Registry | None = None,
        trusted: Iterable[str] | None = None,
        shed: float | None = None,
        server_timing: bool | None = None,
    ) -> None:
        self._application = application
        given: dict[str, Any] = {
            "trusted": None if trusted is None else tuple(trusted),
            "shed": shed,
            "server_timing": server_timing,
        }
        self._given: dict[str, Any] = {
            key: value for key, value in given.items() if value is not None
        }
        WebSettings(**self._given)
        self._state = state_of(registry)
        listen(self, type(self)._configure)  # noqa: SLF001 - our own

    def _configure(self, settings: WebSettings) -> None:
        """Take the settings of the process, but for those that were given here."""
        self._state.configure(settings)
        settings = attrs.evolve(settings, **self._given)
        self._shed: float = _NEVER if settings.shed is None else settings.shed
        self._server_timing: bool = settings.server_timing
        self._waited = Stamps(self._state, settings.trusted).waited
        # The age of a request is needed at once, or else read with those of many others.
        self._ages_now: bool = (
            self._server_timing or settings.shed is not None or free_threading.NEEDED
        )

    def __getattr__(self, name: str) -> Any:
        """Return what is the application's: others may know it by the name that is ours now.

        So no public attribute is the middleware's own.
        """
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._application, name)


def server_timing(seconds: float, age: float) -> str:
    """Return the value of a header ``Server-Timing``.

    Args:
        seconds: how long the application has taken so far.
        age: how long the request has waited before; -1.0: nobody knows.
    """
    app = f"app;dur={seconds * 1e3:.1f}"
    return f"queue;dur={age * 1e3:.1f}, {app}" if age >= 0.0 else app
