"""The adapters that serve people: what keeps history for the live page, and its unix socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler.agent.config.plugins import UnusablePlugin, referenced_plugin
from sampler.agent.config.settings import AdapterSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sampler.agent.config.settings import ProgramSettings

_RECORDER, _SOCKET = "sampler.page:Recorder", "sampler.page:PageSocket"


def for_people(
    program: ProgramSettings, adapters: Sequence[AdapterSettings], problems: list[str]
) -> tuple[AdapterSettings, ...]:
    """Return settings of the adapters that a live page or ``socket`` needs; none without them.

    Args:
        program: the keys at the top.
        adapters: those of the configuration.
        problems: gets a sentence where they cannot be had.
    """
    live = any(getattr(each.adapter, "live", False) is True for each in adapters)
    if not (live or program.socket):
        return ()
    found = []
    try:
        if not any(each.type == "live" for each in adapters):
            found.append(_settings("live", _RECORDER, {}, program))
        if program.socket:
            found.append(_settings("socket", _SOCKET, {"path": program.socket}, program))
    except UnusablePlugin as error:
        problems.append(f"{'socket' if program.socket else 'live'}: {error}")
    return tuple(found)


def _settings(
    name: str, reference: str, keys: dict[str, Any], program: ProgramSettings
) -> AdapterSettings:
    cls = referenced_plugin(reference).load()
    make: Callable[[], Any] = lambda: cls(**keys)  # noqa: E731
    return AdapterSettings(
        name, name, make(), program.interval, table=keys, make=make, for_people=True
    )
