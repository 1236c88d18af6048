"""The name of what is begun: of the distribution, its package, its sampler and its class."""

from __future__ import annotations

import keyword
import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sampler._registry.announcements import Announcement

__all__ = ("BadNameError", "Names", "checked", "near")

_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
MOST = 40
"""Characters: metrics and lines of code need room beside it."""
_RULE = (
    "it begins with a lower-case letter and goes on with lower-case letters, digits and single "
    f"'-' or '_' between them, {MOST} characters at most"
)
_BESIDE = frozenset(("ask", "conftest", "mypackage", "src", "tests"))
"""What stands beside the package in a starter, and for it in a template."""


class BadNameError(Exception):
    """A name that cannot be used; the message says why."""


class Names(NamedTuple):
    """One name in its forms.

    Attributes:
        distribution: ``my-package``: what pip installs.
        package: ``my_package``: what Python imports, and the name of the sampler or adapter.
        title: ``MyPackage``: of a class.
    """

    distribution: str
    package: str
    title: str


def near(text: str) -> str:
    """Return the name that is nearest to a text, as to a folder's name; empty if there is none."""
    words = re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "-", text).lower())
    return "-".join(words).lstrip("-0123456789")[:MOST].rstrip("-")


def checked(name: str, taken: Mapping[str, Announcement], what: str) -> Names:
    """Return the forms of a name.

    Args:
        name: as somebody has written it.
        taken: what is installed, by its name.
        what: of what kind that is, for the message.

    Raises:
        BadNameError: it is no name, or means something else already.
    """
    if not _NAME.fullmatch(name) or len(name) > MOST:
        hint = f"; {near(name)!r} would do" if near(name) else ""
        raise BadNameError(f"{name!r} is no name: {_RULE}{hint}")
    package = name.replace("-", "_")
    if keyword.iskeyword(package) or package in _BESIDE:
        raise BadNameError(f"{name!r} cannot be a package's name: choose another one")
    if package in taken:
        raise BadNameError(f"{what} {package!r} is there already: {taken[package]}")
    spec = find_spec(package)
    if spec is not None and spec.origin is not None:
        raise BadNameError(f"Python has a module {package!r} already: {spec.origin}")
    title = "".join(word.capitalize() for word in package.split("_"))
    return Names(name.replace("_", "-"), package, title)
