"""What every application of these tests counts: by an instrument, and by a source that is pulled.

Nothing here starts an agent.
"""

import sampler

things = sampler.Instruments("shop").counter("things", help="By an instrument.")
_checkouts = 0


def sample():
    yield "checkouts", _checkouts


sampler.register({"name": "pool", "sample": sample, "metrics": {"checkouts": {"kind": "counter"}}})


def count():
    """Count one thing in both ways."""
    global _checkouts
    things.inc()
    _checkouts += 1
