"""An application of Flask: `/order/tea` orders tea."""

from flask import Flask, abort

from mypackage.metrics import order

MENU = ("coffee", "tea")
app = Flask(__name__)


@app.get("/order/<item>")
def place(item: str) -> str:
    """Place an order."""
    if item not in MENU:
        abort(404)
    return order(item)
