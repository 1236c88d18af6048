"""What breaks a sampler's order on purpose, beside the same series in an order that is kept."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from tests.bench import timed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.bench.pulls import Operation

    Orders = Callable[[list[int]], tuple[list[int], list[int]]]

ROWS = 5_000
ROUNDS = 40


def _shuffled(numbers: list[int]) -> list[int]:
    return _drawn.sample(numbers, len(numbers))


_drawn = Random(2012)
ORDERS: dict[str, Orders] = {
    "kept": lambda numbers: (numbers, numbers),
    "random": lambda numbers: (_shuffled(numbers), _shuffled(numbers)),
    "two in turns": lambda numbers: (
        [number for pair in zip(numbers[::2], numbers[1::2], strict=True) for number in pair],
        [number for pair in zip(numbers[1::2], numbers[::2], strict=True) for number in pair],
    ),
    "all, and the first half": lambda numbers: (numbers, numbers[: len(numbers) // 2]),
    "all, and every second": lambda numbers: (numbers, numbers[::2]),
}
"""The numbers of the series of two pulls, one after the other."""


def order() -> dict[str, float]:
    """Nanoseconds a sample of two pulls, the sampler included, which makes what it yields."""
    operations, samples = {}, {}
    for name, orders in ORDERS.items():
        operations[name], samples[name] = _pulls(orders)
    return {
        f"{name}/ns": seconds / samples[name] * 1e9
        for name, seconds in timed.in_turns(operations, ROUNDS).items()
    }


def _pulls(orders: Orders) -> tuple[Operation, int]:
    import sampler

    numbers = list(range(ROWS))
    texts, values = [f"v{number}" for number in numbers], [float(number) for number in numbers]
    state: list[list[int]] = [numbers, numbers]

    def sample() -> Iterator[Any]:
        for number in state[0]:
            yield "value", values[number], {"i": texts[number], "s": "x"}

    registry = sampler.Registry()
    registry.register({"name": "table", "sample": sample})
    consumer = sampler.Collector(registry, deadline=60.0, max_series=ROWS)

    def two_pulls() -> None:
        for _ in range(2):
            consumer.collect()
            state.reverse()

    def change() -> None:
        state[:] = orders(numbers)

    for _ in range(3):  # from the third pull on, an order is known to be another each time
        change()
        two_pulls()
    return (two_pulls, change), sum(map(len, orders(numbers)))
