"""What a configuration names, ``module:OBJECT``, once the program has imported it."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any

from sampler.bridges._log import first

CHECK = "sampler.check"
"""The key of a mapping for what raises ValueError or ImportError at bad settings."""
_MISSING = object()


class Reference:
    """An object of the program, that is waited for: a bridge imports no application.

    Args:
        text: ``package.module:OBJECT``; the object may have dots.
        key: where it was written, for errors.

    Raises:
        ValueError: it is no reference.
    """

    def __init__(self, text: object, key: str) -> None:
        module, _, path = text.partition(":") if isinstance(text, str) else ("", "", "")
        parts = (*module.split("."), *path.split("."))
        if not all(part.isidentifier() for part in parts):
            raise ValueError(f"{key}: expected 'package.module:OBJECT', got {text!r}")
        self.text: str = f"{module}:{path}"
        self._module = module
        self._path = path.split(".")

    def get(self) -> Any:
        """Return the object; None while it is not there."""
        module = sys.modules.get(self._module)
        if module is None:
            return None
        found: Any = module
        for part in self._path:
            found = getattr(found, part, _MISSING)
            if found is _MISSING:
                whole = not getattr(getattr(module, "__spec__", None), "_initializing", False)
                if whole and first("reference", self.text):
                    from sampler.agent import log

                    log.warning(
                        "%s: the module has no such object yet: it is waited for", self.text
                    )
                return None
        return found


def require(package: str, distribution: str) -> None:
    """Say in one line that a package is not installed.

    Raises:
        ModuleNotFoundError: it is not.
    """
    if sys.modules.get(package.partition(".")[0]) is None:
        try:
            there = find_spec(package) is not None
        except (ImportError, ValueError):
            there = False
        if not there:
            raise ModuleNotFoundError(
                f"no package {package!r} is installed here: pip install {distribution}"
            )


def known(settings: Any, *keys: str) -> None:
    """Raise ValueError at a setting that a bridge does not know."""
    for key in settings:
        if key not in keys:
            raise ValueError(f"{key}: no such key; there are {', '.join(sorted(keys))}")
