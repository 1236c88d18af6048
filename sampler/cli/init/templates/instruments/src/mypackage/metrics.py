"""What the package counts: a named group of instruments, which is a sampler."""

import sampler

group = sampler.Instruments("mypackage")
orders = group.counter("orders", help="Orders placed.", labels=("item",))
duration = group.histogram("duration", unit="s", help="Time to place one.")
waiting = group.gauge("waiting", help="Orders not placed yet.", merge="sum")
