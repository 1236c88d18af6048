"""The library's numbers: many pools, one sampler, nothing imported for it."""

from mypool import _pool


def sample():
    """Yield the totals of every name, and the connections of the pools that live."""
    with _pool.lock:
        alive = list(_pool.pools)
        counted = [(name, t.checkouts, t.timeouts, t.waited) for name, t in _pool.totals.items()]
    for name, checkouts, timeouts, waited in counted:
        yield "checkouts", checkouts, {"pool": name}
        yield "timeouts", timeouts, {"pool": name}
        yield "wait.time", waited, {"pool": name}
    connections = {}
    for pool in alive:
        for state, number in pool.counts().items():
            key = (pool.name, state)
            connections[key] = connections.get(key, 0) + number
    for (name, state), number in connections.items():
        yield "connections", number, {"pool": name, "state": state}


SAMPLER = {
    "name": "mypool",
    "sample": sample,
    "start": lambda: _pool.began[0],
    "metrics": {
        "checkouts": {"kind": "counter", "help": "Connections handed out.", "labels": ["pool"]},
        "timeouts": {"kind": "counter", "help": "Checkouts given up.", "labels": ["pool"]},
        "wait.time": {
            "kind": "counter",
            "unit": "s",
            "help": "Time spent waiting for a connection.",
            "labels": ["pool"],
        },
        "connections": {
            "unit": "{connection}",
            "help": "Connections by state.",
            "labels": ["pool", "state"],
            "merge": "sum",
        },
    },
}
