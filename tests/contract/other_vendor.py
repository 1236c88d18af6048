"""Another vendor's registry and consumer, of the standard library only.

Tests install it as a distribution of its own, under another name.
"""

import sys
import time
from importlib.metadata import entry_points


class Registration:
    """What the registry holds."""

    def __init__(self, sampler, moment=None):
        self.sampler = dict(sampler)
        self.time = time.time() if moment is None else moment


class Registry:
    """Registrations, in order."""

    def __init__(self):
        self.all = ()

    def register(self, sampler, moment=None):
        """Add a sampler."""
        made = Registration(sampler, moment)
        self.all = (*self.all, made)
        return made

    def unregister(self, registration):
        """Take a registration away."""
        self.all = tuple(each for each in self.all if each is not registration)

    def __iter__(self):
        return iter(self.all)


default = Registry()


def registries():
    """Return the announced registries whose package has been imported."""
    return [
        each.load()
        for each in entry_points(group="sampler.registries")
        if each.value.partition(":")[0].partition(".")[0] in sys.modules
    ]


def pull():
    """Return what all samplers yield, by full name."""
    chosen = {}
    for registry in registries():
        for each in registry:
            labels = each.sampler.get("labels") or {}
            key = each.sampler["name"], tuple(sorted(labels.items()))
            if key not in chosen or each.time < chosen[key].time:
                chosen[key] = each
    found = {}
    for (name, _), each in chosen.items():
        for metric, value, *_ in each.sampler["sample"]():
            found[f"{name}.{metric}"] = value
    return found
