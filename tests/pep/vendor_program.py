"""What runs in a program with three vendors: ours, the third reader's, and the first one's.

A test puts this beside the vendors' modules, in front of what it does with them. Nobody here knows
the others but by what is announced.
"""

# mypy: ignore-errors

import json
import sys
from importlib.metadata import entry_points

import one
import one_registry
import three
from taking_over import taking_over

import sampler

COUNTER = {"kind": "counter"}
PATIENCE = 60.0
default = one_registry.Registry()
"""The registry of the vendor whose module this is: ``vendor_one``."""


class Announced:
    """What the first reader's consumer pulls: all registries, by the rules of R-14."""

    def __init__(self):
        self.homes, self.known = {}, {}

    def __iter__(self):
        chosen = {}
        for point in entry_points(group="sampler.registries"):
            package = point.module.rpartition(".")[0] or point.module
            if package in sys.modules:
                for each in point.load():
                    labels = each.sampler.get("labels") or {}
                    key = each.sampler["name"], tuple(sorted(labels.items()))
                    if key not in chosen or each.time < chosen[key][0].time:
                        chosen[key] = each, point.value
        for key, (each, home) in chosen.items():
            if id(each) not in self.known:
                takes_over = self.homes.get(key, home) != home
                self.known[id(each)] = each, taking_over(each) if takes_over else each
            self.homes[key] = home
        return iter([self.known[id(each)][1] for each, _ in chosen.values()])


def text(key):
    """Return a series as text."""
    name, labels = key
    return name + "".join(f"{{{label}={value}}}" for label, value in labels)


class Ours:
    """Our consumer."""

    name = "ours"

    def __init__(self):
        self.consumer = sampler.Collector(name=self.name, deadline=PATIENCE)
        self.increments = sampler.Increments()
        self.pull()

    def pull(self):
        """Return values, increments and the names of the failed."""
        snapshot = self.consumer.collect()
        taken = self.increments.take(snapshot)
        keys = [(each.name, tuple(sorted(each.labels.items()))) for each, _, _ in taken]
        values = {text(key): value for key, (_, _, value) in zip(keys, taken, strict=True)}
        grown = {text(key): each[1] for key, each in zip(keys, taken, strict=True)}
        failed = sorted(each.sampler for each in snapshot.failures)
        return values, {key: each for key, each in grown.items() if each is not None}, failed


class Third:
    """The third reader's."""

    name = "third"

    def __init__(self):
        self.consumer = three.Consumer(name=self.name, deadline=PATIENCE)
        self.name = self.consumer.name  # unlike the others'

    def pull(self):
        """As ours."""
        got = self.consumer.pull()
        values = {text(key): value for key, value in got.values.items()}
        return values, {text(k): v for k, v in got.increments.items()}, sorted(got.failed)


class First:
    """The first reader's."""

    name = "draft_a"

    def __init__(self):
        self.consumer = one.Consumer(Announced(), PATIENCE)

    def pull(self):
        """As ours."""
        values, grown, failed = self.consumer.pull()
        values = {text(key): value for key, value in values.items()}
        return values, {text(key): value for key, value in grown.items()}, sorted(failed)


VENDORS = Ours, Third, First


def registries():
    """Return each vendor's registry, as that vendor's users have it."""
    return sampler.registry, three.default, sys.modules["vendor_one"].default


def say(thing):
    """Tell the test."""
    print(json.dumps(thing))
