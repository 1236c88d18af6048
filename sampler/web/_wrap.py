"""What ``sampler run -- COMMAND`` puts around the applications that a server loads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler.web import ASGI, WSGI

if TYPE_CHECKING:
    from typing import Literal


def wrap(application: Any, kind: Literal["wsgi", "asgi"]) -> Any:
    """Return an application with middleware around it; one that has it already stays as it is."""
    if isinstance(application, ASGI | WSGI):
        return application
    return ASGI(application) if kind == "asgi" else WSGI(application)
