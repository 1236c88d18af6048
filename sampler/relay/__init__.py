"""The relay: one process of a host merges the snapshots of many, and delivers their totals.

- :mod:`~sampler.relay.messages` and :mod:`~sampler.relay.frames`: the wire.
- :mod:`~sampler.relay.adapter`: a worker's side, an ordinary adapter.
- :mod:`~sampler.relay.server`: the relay's side of all workers.
- :mod:`~sampler.relay.merging`: many processes' values to one set of series; no I/O, no clock.
- :mod:`~sampler.relay.program`: an agent whose numbers come from there.
"""

from sampler.relay.adapter import Relay

__all__ = ["Relay"]
