"""A program whose page the browser looks at: ``python -m tests.page.browser.shop PORT SERIES``.

A shop with orders, a queue and latencies that move, a sampler with a stranger's texts, another
with so many series, and an endpoint that nobody serves. It ends with its input.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from typing import TYPE_CHECKING

import sampler
import sampler.agent

if TYPE_CHECKING:
    from collections.abc import Iterator

HOSTILE = (
    "<script>document.title='taken'</script><img src=x onerror=alert(1)>",
    "\u202eright to left\u202c \u0645\u0631\u062d\u0628\u0627",
    "nothing\x00after",
    "w" * 1024,
    "two words " * 100,
    "\u200b\u2066\ufeff",
)
"""What a stranger wrote."""


def _said() -> Iterator[tuple[str, float, dict[str, str]]]:
    for number, text in enumerate(HOSTILE):
        yield "said", number, {"text": text}


def _depths() -> Iterator[tuple[str, float, dict[str, str]]]:
    for number in range(int(sys.argv[2])):
        name = ("depth", "length", "age")[number // 1900]  # of one metric at most 2,000
        yield name, math.sin(time.time() / 5 + number), {"queue": f"q{number}"}


def main() -> None:
    """Run until the input ends."""
    shop = sampler.Instruments("shop")
    orders = shop.counter("orders", help="Orders placed.", unit="{order}", labels=("route",))
    waiting = shop.gauge("waiting", help="Orders that wait.", unit="{order}")
    latency = shop.histogram("latency", help="How long an order takes.", unit="s")
    told = {"kind": "gauge", "help": HOSTILE[0] + HOSTILE[3], "unit": "{" + HOSTILE[0] + "}"}
    sampler.register({"name": "stranger", "sample": _said, "metrics": {"said": told}})
    depth = {"kind": "gauge", "help": "How many wait.", "unit": "{item}"}
    sampler.register({"name": "wide", "sample": _depths, "metrics": {"depth": depth}})

    def work() -> None:
        for number in range(10**9):
            orders.inc(route=("/buy", "/return")[number % 2])
            waiting.set(number % 17)
            latency.observe(0.01 + number % 10 / 50)
            time.sleep(0.02)

    threading.Thread(target=work, daemon=True).start()
    sampler.agent.start(
        {
            "service": "shop",
            "interval": 1,
            "flush_timeout": 0,
            "samplers": {"enable": ["process", "shop", "stranger", "wide"]},
            "adapters": {
                "prometheus": {"listen": f"127.0.0.1:{sys.argv[1]}", "live": True},
                "graphite": {"host": "127.0.0.1", "port": int(sys.argv[3])},
            },
        }
    )
    print("ready", flush=True)
    sys.stdin.read()
    sampler.agent.stop()


if __name__ == "__main__":
    main()
