"""Where servers take what they serve that are wired by something else: there it can be wrapped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from sampler.wiring._patching import replace
from sampler.wiring._wrapping import wrapped

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    Kind = Literal["wsgi", "asgi"]


def _taken_by(
    path: str, index: int, kind: Kind | Callable[[ModuleType, Any], Kind]
) -> Callable[[ModuleType], None]:
    """Return what wires a module in which a function takes an application as an argument."""

    def wire(module: ModuleType) -> None:
        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            def take(*args: Any, **kwargs: Any) -> Any:
                application = args[index]
                which = kind(module, application) if callable(kind) else kind
                rest = args[index + 1 :]
                return original(*args[:index], wrapped(application, which), *rest, **kwargs)

            return take

        replace(module, path, make, "requests are not counted")

    return wire


def _by_its_looks(hypercorn: ModuleType, application: Any) -> Kind:
    return "asgi" if hypercorn.is_asgi(application) else "wsgi"


django = _taken_by("run", 2, "wsgi")
granian_asgi = _taken_by("_callback_wrapper", 0, "asgi")
granian_wsgi = _taken_by("_callback_wrapper", 0, "wsgi")
hypercorn = _taken_by("wrap_app", 0, _by_its_looks)
waitress = _taken_by("create_server", 0, "wsgi")
werkzeug = _taken_by("make_server", 2, "wsgi")
