"""What a type checker must refuse: each line marked ``# error`` (read, never run)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sampler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampler.types import Description, Sample, Sampler


def sample() -> Iterator[Sample]:
    yield "a", 1


KIND: Sampler = {"name": "a", "sample": sample, "metrics": {"b": {"kind": "conter"}}}  # error
KEY: Sampler = {"name": "a", "sample": sample, "metric": {}}  # error
ROW: Description = {"kind": "gauge", "units": "s"}  # error
SCOPE: Description = {"scope": "thread"}  # error
START: Sampler = {"name": "a", "sample": sample, "start": "now"}  # error
CALL: Sampler = {"name": "a", "sample": 3}  # error
LOOP: Sampler = {"name": "a", "sample": sample, "loop": 3}  # error


def rubbish() -> Iterator[Sample]:
    yield "a", "text"  # error
    yield 3, 3  # error
    yield "a", 1, {"b": 1.5}  # error


sampler.register("mypool")  # error
sampler.Collector(name=3)  # error

sampler.Registrry()  # error
sampler.registri.register({})  # error

SHOP = sampler.Instruments("shop")
SHOP.gauge("age", merge="avg")  # error
SHOP.counter("sold", scope="thread")  # error
SHOP.counter("orders").inc("one")  # error
SHOP.counter("orders").labels("buy")  # error
SHOP.counter("orders", exemplars=3)  # error
SHOP.counter("orders", expire=60)  # error
SHOP.counter("orders").inc(exemplar="t1")  # error
SHOP.info("build", "1.2")  # error
SHOP.gauge("depth").observe(1)  # error
SHOP.gauge("depth", "Jobs that wait.")  # error
SHOP.histogram("wait", buckets=0.5)  # error


@SHOP.histogram("wait").time()
def placed(number: int) -> str:
    return str(number)


placed("one")  # error
