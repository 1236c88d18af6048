"""What differs between the committed list and the code, and what the changelog says of it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.api.surface import surface

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[2]
LIST = Path(__file__).with_name("public.txt")
CHANGELOG = ROOT / "CHANGELOG.md"
WRITE = "python -m tests.api --write"
_LINE = re.compile(r"([\w.]+)(.*)")
_UNRELEASED = re.compile(r"^## Unreleased\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`+([^`]+)`+")


class Change(NamedTuple):
    """One public name that is new, gone or different.

    Attributes:
        name: the full name.
        before: its signature in the list; None: the name is new.
        now: its signature in the code; None: the name is gone.
    """

    name: str
    before: str | None
    now: str | None

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.name}: new: {self.now}"
        if self.now is None:
            return f"{self.name}: gone; it was {self.before}"
        return f"{self.name}: was {self.before}\n    and is {self.now}"


@cache
def present() -> dict[str, str]:
    """Return the public names and signatures of the code as it is."""
    return surface([ROOT, ROOT / "adapters"])


def listed(text: str) -> dict[str, str]:
    """Return the names and signatures of a list."""
    found = (_LINE.fullmatch(line) for line in text.splitlines())
    return {line[1]: line[2].removeprefix(" ") for line in found if line is not None}


def written(names: Mapping[str, str]) -> str:
    """Return the text of a list."""
    return "".join(
        f"{name}{'' if signature.startswith((':', '(')) else ' '}{signature}\n"
        for name, signature in names.items()
    )


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Change]:
    """Yield what differs; of a class that is new or gone the class only, not each member."""
    for name in sorted({*before, *now}):
        if (old := before.get(name)) != (new := now.get(name)):
            outer = name.rpartition(".")[0]
            whole = [outer in names for names in (before, now)] in ([True, False], [False, True])
            if not whole:
                yield Change(name, old, new)


def unexplained(found: Iterator[Change], changelog: str) -> list[Change]:
    """Return the changes whose names do not stand as code under "Unreleased".

    A name may stand there without its first parts: ``Registry.register`` names
    ``sampler.Registry.register``; ``register`` does not, as it is a member of a class.
    """
    unreleased = _UNRELEASED.search(changelog)
    code = " ".join(_CODE.findall(unreleased[1] if unreleased else ""))
    named = set(re.findall(r"[A-Za-z_][\w.]*", code))
    return [change for change in found if not named & set(_ways_to_say(change.name))]


def _ways_to_say(name: str) -> Iterator[str]:
    parts = name.split(".")
    of_class = len(parts) > 2 and parts[-2][:1].isupper()
    for start in range(len(parts) - of_class):
        yield ".".join(parts[start:])


def report(missing: list[Change]) -> str:
    """Say what differs and what to do."""
    lines = "\n".join(map(str, missing))
    return (
        f"Public names differ from {LIST.relative_to(ROOT)}, and CHANGELOG.md does not say so:\n\n"
        f"{lines}\n\nIf that is meant, name each under '## Unreleased' in CHANGELOG.md, as code "
        f"(`Class.member` is enough), then write the list anew: {WRITE}"
    )
