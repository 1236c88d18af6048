"""uWSGI's applications: what its options name is wrapped; what cannot be is said in one line.

uWSGI imports what ``module`` names, so it can be wrapped once it is imported. Files it runs
itself, in C. ``uwsgi.opt`` has the last value only of an option that is given several times.
"""

from __future__ import annotations

import os
import sys
from functools import wraps
from typing import TYPE_CHECKING, Any

from sampler.wiring._environment import WRAP
from sampler.wiring._serving import complain
from sampler.wiring._wrapping import wrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

__all__ = ("expect", "tell_of_others", "wrap")

_MODULES = ("module", "wsgi")
_OTHERS = (
    *("wsgi-file", "file", "eval", "paste", "ini-paste", "ini-paste-logged", "pecan"),
    *("wsgi-lite", "web3", "pump"),
)
"""Options whose applications are not imported by their names, or are not WSGI's."""
_MOUNT = "mount"
_REMEDY = "wrap what it serves in sampler.web.WSGI, and give sampler run its option --no-wrap"

_NO_MASTER = 2**63
"""Where nobody starts workers anew, they count from -1, without a sign."""

_callables: dict[str, dict[str, None]] = {}
"""Which names of a module uWSGI is going to serve, in order."""
_known = 0
"""How many applications its options tell of."""


def expect(opt: Mapping[str, Any], after: dict[str, str]) -> None:
    """Have what uWSGI's options name be wrapped once it is imported; say what cannot be.

    Args:
        opt: ``uwsgi.opt``.
        after: what is called after imports; gets the modules of the applications.
    """
    global _known  # noqa: PLW0603
    if not os.environ.get(WRAP):
        return
    named = [text for key in _MODULES for text in _texts(opt.get(key))]
    others = [key for key in _OTHERS if key in opt]
    _known = bool(named) + len(others)
    for value in _texts(opt.get(_MOUNT)):
        what = value.partition("=")[2]
        _known += 1
        if what.endswith((".py", ".wsgi")):
            others.append(f"{_MOUNT} = {value}")
        else:
            named.append(what)
    default = (_texts(opt.get("callable")) or ["application"])[-1]
    for text in named:
        module, _, name = text.partition(":")
        _callables.setdefault(module, {})[name or default] = None
        after[module] = "uwsgi:application"
    for module in _callables.keys() & sys.modules.keys():  # another shared-import has been first
        wrap(sys.modules[module])
    if others:
        complain(
            f"requests to the application of uWSGI's option {', '.join(others)} are not measured: "
            f"name it by module = MODULE:CALLABLE, or {_REMEDY}"
        )
    elif not named and "emperor" not in opt:
        complain(
            "uWSGI's options name no application, and requests to one that it loads later are not "
            f"measured: name it by module = MODULE:CALLABLE, or {_REMEDY}"
        )


def wrap(module: ModuleType) -> None:
    """Wrap what uWSGI serves of a module that has just been imported."""
    global _known  # noqa: PLW0603
    names = _callables.pop(module.__name__, {})
    several = getattr(module, "applications", None)
    if isinstance(several, dict):  # by mount point; uWSGI looks at nothing else then
        names = {each.decode(): None for each in several.values() if isinstance(each, bytes)}
        module.applications = {  # type: ignore[attr-defined]
            point: each if isinstance(each, bytes) else wrapped(each, "wsgi")
            for point, each in several.items()
        }
        _known += len(several) - 1
    for name in names:
        factory = name.removesuffix("()")
        served = getattr(module, factory, None)
        if served is not None:
            made = wrapped(served, "wsgi") if factory == name else _maker(served)
            setattr(module, factory, made)


def tell_of_others(uwsgi: Any) -> None:
    """Say once how many applications uWSGI has loaded of which its options do not tell."""
    global _known  # noqa: PLW0603
    if not _known or uwsgi.worker_id() != 1:
        return
    own = uwsgi.workers()[0]
    apps = [each["interpreter"] for each in own["apps"]]
    others = apps.count(apps[0]) - _known if apps else 0
    if others > 0 and not 1 < own["respawn_count"] < _NO_MASTER:
        _known = 0
        complain(
            f"requests to {others} of uWSGI's applications are not measured, as it tells of its "
            f"last option mount only: {_REMEDY}"
        )


def _maker(make: Callable[[], Any]) -> Callable[[], Any]:
    """Return a function that makes the same, wrapped where uWSGI itself has called it, from C."""

    @wraps(make)
    def maker(*args: Any, **kwargs: Any) -> Any:
        made = make(*args, **kwargs)
        return made if sys._getframe().f_back else wrapped(made, "wsgi")  # noqa: SLF001

    return maker


def _texts(value: Any) -> list[str]:
    """Return the values of an option: uWSGI has bytes, True, or a list of such."""
    values = value if isinstance(value, list) else [value]
    return [each.decode(errors="replace") for each in values if isinstance(each, bytes)]
