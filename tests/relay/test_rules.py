"""[labels] and the rules of [samplers] of a relay's file: its processes keep them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.relay.processes import Host
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_RULES = """
[labels]
env = "prod"
worker = "{instance}"
[samplers]
drop = ["shop.seconds", "process.*"]
rename = { "pool.given" = "shop.orders", "shop.orders" = "pool.given" }
"""


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with Host(tmp_path, more=_RULES) as host:
        yield host


def test_the_rules_of_a_relay_hold_in_each_process_once(host: Host) -> None:
    """Labels by process, names that have changed places, what is left out; the relay's, too."""
    host.start_relay()
    workers = [host.start_worker() for _ in range(2)]
    for number, worker in enumerate(workers, 1):
        worker.count(10 * number)
    of = [f'{{env="prod",worker="{number}"}}' for number in range(2)]

    def counted() -> dict[str, float]:
        page = host.page()
        names = [f"{name}_total{each}" for name in ("shop_orders", "pool_given") for each in of]
        return {name: page.get(name, -1.0) for name in names}

    wanted = {f"pool_given_total{of[0]}": 10.0, f"pool_given_total{of[1]}": 20.0}
    wait_for(lambda: counted().items() >= wanted.items(), 60.0, "what both have counted")
    found = counted()
    assert {found[f"shop_orders_total{each}"] for each in of} == {10.0, 20.0}
    page = host.page()
    assert not any(name.startswith(("shop_seconds", "process_")) for name in page)
    assert all('env="prod"' in name for name in page)
    refused = [value for name, value in page.items() if 'reason="filtered"' in name]
    assert refused
    assert min(refused) > 0
    wait_for(lambda: any(b".env-prod." in line for line in host.sink.lines))
    assert not any(b"shop.seconds" in line for line in host.sink.lines)
