"""Middleware for WSGI and ASGI: one line around an application, and it shows what goes on."""

from sampler.web._asgi import ASGI
from sampler.web._wsgi import WSGI

__all__ = ["ASGI", "WSGI"]
