"""All scenarios, in the order in which the essay tells them."""

from __future__ import annotations

from examples.talk import (
    clients_give_up,
    computing_or_waiting,
    database_connections,
    funnel,
    lazy_start,
    long_requests,
    memory_of_processes,
    recycled_workers,
    restarted_backlog,
    slow_bodies,
    slow_heads,
    spawning,
    starved_threads,
)

SCENARIOS = {
    module.SCENARIO.name: module.SCENARIO
    for module in (
        starved_threads,
        computing_or_waiting,
        long_requests,
        slow_heads,
        slow_bodies,
        funnel,
        database_connections,
        clients_give_up,
        restarted_backlog,
        lazy_start,
        recycled_workers,
        spawning,
        memory_of_processes,
    )
}
"""By name."""
