"""The application for WSGI servers, with the agent as the README starts it: in its module."""

from shop import WRITTEN
from web import wsgi as application

import sampler

app = application
if WRITTEN:
    sampler.agent.start()
