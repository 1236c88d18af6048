"""The application for ASGI servers, with the agent around it, as docs/for-operators.md has it."""

from shop import WRITTEN
from web import asgi

import sampler

app = sampler.agent.Lifespan(asgi) if WRITTEN else asgi
