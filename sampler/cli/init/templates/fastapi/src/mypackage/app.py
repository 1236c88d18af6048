"""An application of FastAPI: `/order/tea` orders tea."""

from fastapi import FastAPI, HTTPException
from fastapi.responses import PlainTextResponse

from mypackage.metrics import order

MENU = ("coffee", "tea")
app = FastAPI()


@app.get("/order/{item}", response_class=PlainTextResponse)
def place(item: str) -> str:
    """Place an order."""
    if item not in MENU:
        raise HTTPException(404)
    return order(item)
