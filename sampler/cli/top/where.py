"""Which unix socket is meant: the one that is named, else the configuration's key ``socket``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

DEFAULT_FILE = "sampler.toml"
VARIABLE = "SAMPLER_CONFIG"


class NoSocketError(Exception):
    """It is not known where to ask; the text says why, and what to do."""


def socket_path(named: str | None, config: str | None) -> str:
    """Return the path of the socket.

    Only that key is read, so that problems elsewhere in a file do not matter here.

    Args:
        named: on the command line.
        config: the configuration; None: as for every command.

    Raises:
        NoSocketError: there is none.
    """
    if named is not None:
        return named
    file = config or os.environ.get(VARIABLE) or DEFAULT_FILE
    if not (config or os.environ.get(VARIABLE) or Path(file).exists()):
        raise NoSocketError(f"there is no ./{DEFAULT_FILE}: name a configuration with -c\n{_HELP}")
    table = _table(file)
    path = table.get("socket")
    if path is None:
        raise NoSocketError(f"{file} has no key socket\n{_HELP}")
    if not isinstance(path, str):
        raise NoSocketError(f"{file}: socket: expected a string: an absolute path")
    return _filled_in(path, file) if "$" in path else path


def _table(file: str) -> dict[str, Any]:
    import tomllib  # not where the socket is named

    try:
        with Path(file).open("rb") as opened:
            return tomllib.load(opened)
    except OSError as error:
        raise NoSocketError(f"{file}: cannot be read: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise NoSocketError(f"{file}: {error}") from None


def _filled_in(path: str, file: str) -> str:
    from sampler.agent.config.interpolation import interpolated

    problems: list[str] = []
    table = interpolated({"socket": path}, "", problems)
    if problems:
        raise NoSocketError(f"{file}: {problems[0]}")
    return str(table["socket"])


def _suggested() -> str:
    folder = os.environ.get("XDG_RUNTIME_DIR") or ("/run" if os.geteuid() == 0 else "/tmp")  # noqa: S108
    return f"{folder}/sampler-{os.geteuid()}.sock"


_HELP = (
    "add this line to the configuration of the agent or relay, at its top before the first "
    f'[table], and restart it:\n\n  socket = "{_suggested()}"'
)
