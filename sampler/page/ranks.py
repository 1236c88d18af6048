"""Whose numbers a sampler has: in lists those of the program come first.

The names are those of this distribution's entry points, and of the samplers that register
themselves; a test compares. So nothing has to be read from metadata while the page is served.
"""

from __future__ import annotations

PROGRAM, COUNTED, BUILT_IN, ACCOUNT = range(4)
"""What the program publishes itself; what is counted of its requests and packages; the built-in
samplers of the interpreter, host, servers and relay; the agent's own account."""
_COUNTED = (
    "http.server apscheduler asyncpg celery concurrent.futures django functools httpx "
    "psycopg_pool redis rq sqlalchemy urllib3"
)
_BUILT_IN = (
    "asyncio cpython listener logging memory process system "
    "apache granian gunicorn gunicorn.arbiter hypercorn mod_wsgi nginx pgbouncer uvicorn uwsgi "
    "server sampler.relay"
)
RANKS = {
    **dict.fromkeys(_COUNTED.split(), COUNTED),
    **dict.fromkeys(_BUILT_IN.split(), BUILT_IN),
    "sampler": ACCOUNT,
}
"""By the names of samplers; what is not in it is the program's own."""


def rank_of(sampler: str) -> int:
    """Return the place of a sampler among others by its name: the lowest rank comes first."""
    return RANKS.get(sampler, PROGRAM)
