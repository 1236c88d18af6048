"""Route templates, from the frameworks that know them.

Flask leaves its request in the environ, Starlette and FastAPI leave the endpoint in the scope.
Django keeps what it has found to itself, so its handlers' ``resolve_request`` is followed by a
line of ours. Nothing is imported here: who uses a framework has it.
"""

from __future__ import annotations

import sys
from functools import wraps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

KEY = "sampler.web"
"""Of an environ or a scope whose request is measured: the route, once it is known."""
FLASK = "werkzeug.request"
"""Of an environ that a Flask application has seen: its request, until that is answered."""
STARLETTE = "endpoint"
"""Of a scope that a router of Starlette has seen."""
_HANDLERS = "django.core.handlers.base"
_DEEPEST = 20
_MOST = 1_000
_marks: set[str] = set()
_by_endpoint: dict[Any, tuple[tuple[str, Any], ...]] = {}


def look() -> None:
    """Have Django tell its routes, if it has been imported since the last look."""
    handlers = sys.modules.get(_HANDLERS)
    if handlers is None or _HANDLERS in _marks:
        return
    base = getattr(handlers, "BaseHandler", None)
    resolve = getattr(base, "resolve_request", None)
    if base is None or resolve is None:  # it is just being imported, or is another Django
        return
    _marks.add(_HANDLERS)

    @wraps(resolve)
    def resolve_request(self: Any, request: Any) -> Any:
        found = resolve(self, request)
        about = getattr(request, "environ", None) or getattr(request, "scope", None)
        match = getattr(request, "resolver_match", None)
        if about is not None and KEY in about and match is not None:
            about[KEY] = match.route
        return found

    base.resolve_request = resolve_request


def of_starlette(scope: Any) -> Any:
    """Return the path with names that Starlette or FastAPI has matched, or None."""
    try:
        endpoint, router = scope[STARLETTE], scope["router"]
        known = _by_endpoint.get(endpoint)
        if known is None:
            if len(_by_endpoint) >= _MOST:
                _by_endpoint.clear()
            known = _by_endpoint[endpoint] = tuple(_templates(router.routes, endpoint, "", 0))
        if len(known) <= 1:
            return known[0][0] if known else None
        params = scope.get("path_params", {})
        for template, route in known:  # one function may serve several
            if set(getattr(route, "param_convertors", ())) <= set(params):
                path = template
                for name, value in params.items():
                    path = path.replace(f"{{{name}}}", str(value))
                if scope["path"].endswith(path):
                    return template
        return None
    except Exception:  # another user of these keys
        return None


def _templates(routes: Any, endpoint: Any, before: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Yield the templates by which routes, or what is mounted on them, lead to an endpoint."""
    for route in routes if depth < _DEEPEST else ():
        if getattr(route, "endpoint", None) is endpoint:
            path = getattr(route, "path_format", None) or getattr(route, "path", "")
            yield f"{before}{path}", route
        elif callable(included := getattr(route, "effective_candidates", None)):  # of FastAPI
            yield from _templates(included(), endpoint, before, depth + 1)
        elif mounted := getattr(route, "routes", None):
            path = getattr(route, "path", "")  # a host has none
            yield from _templates(mounted, endpoint, f"{before}{path}", depth + 1)
