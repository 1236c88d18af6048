"""The environment that wires a command."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ("BY", "RELAY", "WRAP", "not_wired", "wired")

_BOOT = f"{__file__.rpartition('/')[0]}/boot"
"""The folder whose ``sitecustomize`` sets the hooks."""
_IMPORT = "UWSGI_SHARED_IMPORT"
_UWSGI = {
    _IMPORT: f"{_BOOT}/uwsgi_import.py",
    "UWSGI_ENABLE_THREADS": "1",
}
"""uWSGI takes options from here, and no other program does."""
RELAY = "SAMPLER_RELAY"
"""Names the socket of the relay to which a process reports."""
WRAP = "SAMPLER_WRAP"
"""Names what wraps the applications that are served."""
BY = "SAMPLER_WIRED_BY"
"""Names our own command that has wired this one, ``run`` or ``job``: lines on stderr begin so."""
_MIDDLEWARE = "sampler.web._wrap:wrap"
"""What does, unless the variable is set already."""


def not_wired(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return why a command will not be wired, as far as that can be seen before it runs, or ""."""
    if environment.get(_IMPORT, _UWSGI[_IMPORT]) != _UWSGI[_IMPORT]:
        return (
            f"{_IMPORT} is set already, so uWSGI's workers get no agent: name "
            f"{_UWSGI[_IMPORT]} as another shared-import of uWSGI's configuration"
        )
    if "python" in command[0].rpartition("/")[2]:
        for word in command[1:]:
            if not word.startswith("-") or word in {"-c", "-m"}:
                break
            if set("IES") & set(word[1:]) and not word.startswith(("-W", "-X", "--")):
                return (
                    f"{command[0]} {word} starts no agent: leave that out, or call "
                    "sampler.agent.start() in the program"
                )
    return ""


def wired(environment: Mapping[str, str], relay: str, *, wrap: bool, by: str) -> dict[str, str]:
    """Return the environment of a command whose workers report to a relay.

    Args:
        environment: what it would be otherwise.
        relay: the address of the relay's socket.
        wrap: let what servers serve be wrapped.
        by: our own command that does it: ``run`` or ``job``.
    """
    paths = filter(None, (_BOOT, environment.get("PYTHONPATH")))
    left_out = {"SAMPLER_WIRED"} if wrap else {"SAMPLER_WIRED", WRAP}
    return {
        **_UWSGI,
        **({WRAP: _MIDDLEWARE} if wrap else {}),
        **{name: value for name, value in environment.items() if name not in left_out},
        RELAY: relay,
        BY: by,
        "PYTHONPATH": os.pathsep.join(paths),
    }
