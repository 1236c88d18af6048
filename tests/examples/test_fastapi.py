"""The FastAPI application of docs/web.md, served a few requests."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import sampler
from sampler.testing import isolated
from tests.examples.pages import ROOT, blocks
from tests.web.rig import Exchange, scope

pytest.importorskip("fastapi")


def test_the_application_of_the_page_counts_all_that_it_says(tmp_path, monkeypatch) -> None:
    """Handlers, a background task, the body that streams, and requests by route."""
    (program,) = [text for _, text in blocks(ROOT / "docs/web.md") if "# shop.py" in text]
    (tmp_path / "sampler.toml").write_text('service = "shop"\n[adapters]\n')
    monkeypatch.chdir(tmp_path)
    space: dict[str, Any] = {"__name__": "shop"}
    with isolated():
        exec(program, space)
        app = space["app"]

        async def serve() -> list[str]:
            async with app.router.lifespan_context(app):
                asked = [
                    scope(method="POST", path="/orders/3"),
                    scope(path="/orders"),
                    scope(method="POST", path="/orders/x"),
                ]
                return [(await Exchange(each).run(app)).status for each in asked]

        assert asyncio.run(serve()) == ["200", "200", "422"]
        with sampler.Collector() as consumer:
            found = {str(series): value for series, value in consumer.collect()}
    for name in ('shop.wait{route="order"}', "shop.mail.duration", "shop.list.duration"):
        assert found[name].count == 1
    about = "http.server.requests{http.request.method="
    assert {key: value for key, value in found.items() if key.startswith(about)} == {
        f'{about}"POST",http.response.status_class="2xx",http.route="/orders/{{number}}"}}': 1,
        f'{about}"GET",http.response.status_class="2xx",http.route="/orders"}}': 1,
        f'{about}"POST",http.response.status_class="4xx",http.route="/orders/{{number}}"}}': 1,
    }
