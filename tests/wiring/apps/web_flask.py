"""A Flask application: each request counts one thing."""

import os

from counted import count
from flask import Flask

app = Flask(__name__)


@app.get("/")
def index():
    count()
    return str(os.getpid())
