"""The application for ``flask run``, with the agent in its module."""

from flask import Flask
from shop import WRITTEN
from web import wsgi

import sampler

app = Flask("shop")
app.wsgi_app = wsgi
if WRITTEN:
    sampler.agent.start()
