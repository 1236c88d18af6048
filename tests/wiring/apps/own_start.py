"""A program that starts an agent itself, with a file of its own, as if nobody had wired it."""

import os
import sys

from counted import count

import sampler

how = sys.argv[1]
registry = None
if how == "registry":
    registry = sampler.Registry()
    registry.register(
        {
            "name": "pool",
            "sample": lambda: [("checkouts", done)],
            "metrics": {
                "checkouts": {"kind": "counter"},
            },
        }
    )
done = 0
agent = sampler.agent.start("own.toml", registry)
same = sampler.agent.start("own.toml", registry)
print(agent is same, agent.identity["role"], sorted(each.type for each in agent.settings.adapters))
while done < 7:
    count()
    done += 1
if how == "stop":
    sampler.agent.stop()
if how == "os._exit":
    sampler.agent.stop()
    os._exit(0)
