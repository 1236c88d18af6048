"""How examples of other clients are changed into ours: by lines of docs/instruments.md."""

from __future__ import annotations

import re

from tests.examples.test_migration import PAGE

IMPORTS = "import sampler, sampler_prometheus\nshop = sampler.Instruments('shop')"
_IMPORT = re.compile(r"^from prometheus_client[\w.]* import .*$", re.MULTILINE)
COUNTER = 'Counter("shop_orders", "Orders placed.")'
HITS = 'Counter("shop_hits", "Hits.", ["method", "path"])'
REQUESTS = 'Counter("shop_requests", "Requests.", ["method", "path"])'
GAUGE = 'Gauge("shop_depth", "Jobs that wait.")'
WAIT = '("shop_wait_seconds", "Wait.")'
OURS = {
    COUNTER: 'shop.counter("orders", help="Orders placed.")',
    HITS: 'shop.counter("hits", help="Hits.", labels=["method", "path"], exemplars=True)',
    REQUESTS: 'shop.counter("requests", help="Requests.", labels=["method", "path"])',
    GAUGE: 'shop.gauge("depth", help="Jobs that wait.")',
    f"Summary{WAIT}": 'shop.histogram("wait", unit="s", help="Wait.")',
    f"Histogram{WAIT}": 'shop.histogram("wait", unit="s", help="Wait.")',
}


def changed(text: str, *changes: tuple[str, str]) -> str:
    """Return an example with its imports and expressions changed, as lines of the page say."""
    text = _IMPORT.sub(IMPORTS, text, count=1)
    for before, after in changes:
        said = [each for each in PAGE.split("\n") if f"`{before}`" in each]
        assert any(f"`{after}`" in each or (not after and "| nothing |" in each) for each in said)
        assert text.count(before) == 1
        text = text.replace(before, after)
    return text
