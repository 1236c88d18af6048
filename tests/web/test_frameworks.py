"""Route templates of the frameworks that know them: the real ones."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.command import environment
from tests.web.rig import aask, asgi, ask, numbers, wsgi


def need(request, *names):
    """Skip where a framework is missing, or with --require-servers fail."""
    missing = [name for name in names if find_spec(name.partition(".")[0]) is None]
    if missing:
        reason = f"{missing} is missing: uv sync --group servers"
        if request.config.getoption("--require-servers"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return [importlib.import_module(name) for name in names]


def routes(registry):
    """Return how many requests of each method and class there were, by route."""
    return {
        key.removeprefix("requests "): value
        for key, value in numbers(registry).items()
        if key.startswith("requests ")
    }


def test_flask(request):
    """The rule, with a blueprint's prefix; a request that no rule matches has none."""
    (flask,) = need(request, "flask")
    app = flask.Flask("shop")
    orders = flask.Blueprint("orders", "orders", url_prefix="/orders")
    orders.add_url_rule("/<int:number>", "order", lambda number: f"{number}")
    orders.add_url_rule("/broken", "broken", lambda: 1 / 0)
    app.register_blueprint(orders)
    wrapped, registry = wsgi(app)
    for number in range(20):
        assert ask(wrapped, path=f"/orders/{number}").body == str(number).encode()
    assert ask(wrapped, path="/orders/broken").status == "500 INTERNAL SERVER ERROR"
    assert ask(wrapped, path="/nonesuch").status == "404 NOT FOUND"
    assert routes(registry) == {
        "GET 2xx /orders/<int:number>": 20,
        "GET 5xx /orders/broken": 1,
        "GET 4xx": 1,
    }
    assert numbers(registry)["request.duration /orders/<int:number>"].count == 20


def starlette_app(request):
    starlette, routing, responses, middleware, base = need(
        request,
        "starlette.applications",
        "starlette.routing",
        "starlette.responses",
        "starlette.middleware",
        "starlette.middleware.base",
    )

    async def order(request):
        return responses.PlainTextResponse(str(request.path_params))

    async def twice(request):
        return responses.PlainTextResponse("")

    async def streamed(request):
        async def blocks():
            yield b"one"
            yield b"two"

        return responses.StreamingResponse(blocks())

    inner = routing.Router([routing.Route("/{name}", order), routing.Route("/", twice)])
    return starlette.Starlette(
        routes=[
            routing.Route("/orders/{number:int}", order, methods=["GET", "POST"]),
            routing.Route("/one", twice),
            routing.Route("/two/{name}", twice),
            routing.Route("/streamed", streamed),
            routing.Mount("/shops/{shop}", inner),
        ],
        middleware=[middleware.Middleware(base.BaseHTTPMiddleware, dispatch=passes)],
    )


async def passes(request, call_next):
    return await call_next(request)


def test_starlette(request):
    """The path with names, also of what is mounted, and of an endpoint with several routes."""
    wrapped, registry = asgi(starlette_app(request))
    for path in ("/orders/1", "/orders/2", "/one", "/two/x", "/streamed", "/shops/a/b", "/none"):
        assert aask(wrapped, path=path).status == ("404" if path == "/none" else "200")
    aask(wrapped, path="/orders/3", method="POST")
    assert routes(registry) == {
        "GET 2xx /orders/{number}": 2,
        "POST 2xx /orders/{number}": 1,
        "GET 2xx /one": 1,
        "GET 2xx /two/{name}": 1,
        "GET 2xx /streamed": 1,
        "GET 2xx /shops/{shop}/{name}": 1,
        "GET 4xx": 1,
    }
    assert numbers(registry)["abandoned_requests"] == 0


def test_fastapi(request):
    """As Starlette, with routers' prefixes and applications in others."""
    (fastapi,) = need(request, "fastapi")
    app, other = fastapi.FastAPI(), fastapi.FastAPI()
    router = fastapi.APIRouter(prefix="/orders")

    @router.get("/{number}")
    async def order(number: int):
        return number

    @other.get("/things/{thing}")
    def thing(thing: str):
        return thing

    app.include_router(router, prefix="/v1")
    app.mount("/other", other)
    wrapped, registry = asgi(app)
    for path, status in (
        ("/v1/orders/1", "200"),
        ("/v1/orders/x", "422"),
        ("/other/things/a", "200"),
    ):
        assert aask(wrapped, path=path).status == status
    assert routes(registry) == {
        "GET 2xx /v1/orders/{number}": 1,
        "GET 4xx /v1/orders/{number}": 1,
        "GET 2xx /other/things/{thing}": 1,
    }


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_django(request, tmp_path, kind):
    """The route of the resolver, however Django is served; in a process of its own."""
    need(request, "django")
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("django_site.py")), kind],
        env=environment(PYTHONPATH=f"{root}:{os.environ.get('PYTHONPATH', '')}"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "GET 2xx orders/<int:number>/ 3",
        "GET 2xx shop/files/<path:name> 1",
        "GET 4xx 1",
        "GET 5xx shop/broken 1",
    ]


def test_there_are_so_many_routes_at_most(request):
    """What is beyond the bound is one, and no request is lost."""
    (flask,) = need(request, "flask")
    app = flask.Flask("shop")
    for number in range(30):
        app.add_url_rule(f"/{number}", str(number), lambda: "")
    wrapped, registry = wsgi(app)
    wrapped._state.routes.most = 10
    for number in range(30):
        ask(wrapped, path=f"/{number}")
    assert routes(registry) == {**{f"GET 2xx /{n}": 1 for n in range(10)}, "true": 20}


def test_other_users_of_these_keys_do_no_harm():
    """Whatever stands there, the request is served and has no route."""

    def application(environ, start_response):
        environ["werkzeug.request"] = object()
        start_response("200 OK", [])
        return []

    async def asgi_application(scope, receive, send):
        scope["endpoint"] = []
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    wrapped, registry = wsgi(application)
    ask(wrapped)
    assert routes(registry) == {"GET 2xx": 1}
    wrapped, registry = asgi(asgi_application)
    aask(wrapped)
    aask(wrapped, endpoint=len, router=object())
    assert routes(registry) == {"GET 2xx": 2}
