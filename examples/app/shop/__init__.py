"""A shop that sells, now and then slowly."""

from __future__ import annotations

import time

from flask import Flask, abort

from shop.metrics import Requests

STOCK = {"tea": 120, "coffee": 80, "milk": 0}

app = Flask(__name__)
app.wsgi_app = Requests(app)


@app.get("/")
def shelf() -> dict[str, int]:
    return STOCK


@app.get("/buy/<item>")
def buy(item: str) -> dict[str, str]:
    if not STOCK.get(item):
        abort(404)
    time.sleep(0.005)
    return {"sold": item}
