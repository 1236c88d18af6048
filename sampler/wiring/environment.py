"""The environment that wires a command."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ("BOOT", "wired")

BOOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "boot")  # noqa: PTH100,PTH118,PTH120 - pathlib takes as long to import as all of this
"""The folder whose ``sitecustomize`` sets the hooks."""
_UWSGI = {
    "UWSGI_SHARED_IMPORT": os.path.join(BOOT, "uwsgi_import.py"),  # noqa: PTH118
    "UWSGI_ENABLE_THREADS": "1",
    "UWSGI_PY_CALL_UWSGI_FORK_HOOKS": "1",
}
"""uWSGI takes options from here, and no other program does. Without the last one its workers may
hang where a master has threads."""
WRAP = "SAMPLER_WRAP"
"""Names what wraps the applications that are served."""


def wired(environment: Mapping[str, str], relay: str, *, wrap: bool) -> dict[str, str]:
    """Return the environment of a command whose workers report to a relay.

    Args:
        environment: what it would be otherwise.
        relay: the address of the relay's socket.
        wrap: let what servers serve be wrapped.
    """
    paths = filter(None, (BOOT, environment.get("PYTHONPATH")))
    left_out = {"SAMPLER_WIRED"} if wrap else {"SAMPLER_WIRED", WRAP}
    return {
        **_UWSGI,
        **{name: value for name, value in environment.items() if name not in left_out},
        "SAMPLER_RELAY": relay,
        "PYTHONPATH": os.pathsep.join(paths),
    }
