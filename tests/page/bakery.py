"""The application of the pictures: a bakery's shop, whose baking takes time and an oven."""

from __future__ import annotations

import random
import threading
import time

from flask import Flask, abort

import sampler

app = Flask(__name__)
chance = random.Random(7)
ovens = threading.BoundedSemaphore(3)
bakery = sampler.Instruments("bakery")
sold = bakery.counter("loaves.sold", unit="{loaf}", help="Loaves sold, by kind.", labels=("kind",))
baking = bakery.histogram("baking.duration", unit="s", help="How long a loaf took to bake.")
in_ovens = bakery.gauge("ovens.used", unit="{oven}", help="Ovens that are hot now.", merge="sum")


@app.get("/")
def index() -> str:
    """Say what there is."""
    time.sleep(chance.uniform(0.002, 0.008))
    return "rye, wheat, spelt"


@app.get("/loaves/<kind>")
def loaf(kind: str) -> str:
    """Bake and sell a loaf."""
    if chance.random() < 0.004:
        abort(500)
    with ovens:
        in_ovens.inc()
        with baking.time():
            time.sleep(chance.lognormvariate(-3.6, 0.6))
        in_ovens.dec()
    sold.inc(kind=kind)
    return f"a loaf of {kind}"
