"""The application for ASGI servers, with the agent as docs/for-operators.md starts it: around it."""

import sampler
from shop import WRITTEN
from web import asgi

app = sampler.agent.Lifespan(asgi) if WRITTEN else asgi
