"""What stands for a value in ``sampler.toml``: ``${NAME}`` of the environment, ``file:`` a secret.

``$${`` is a plain ``${``. A text that came from the environment shows itself, in errors, as it
stands in the file.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Self

from sampler._runtime.printable import one_line
from sampler.agent.config.files import contents
from sampler.agent.config.limits import text_fault

if TYPE_CHECKING:
    from sampler.agent.config.options import Option

_REFERENCE = re.compile(r"\$\$\{|\$\{([^${}]*)\}|\$\{")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
FILE = "file:"
"""What a secret begins with that stands in a file of its own."""
_WORDS = {"true": True, "false": False}


class Given(str):  # noqa: SLOT000 - it has one more attribute
    """A text with variables filled in, shown as it was written."""

    _written: str

    def __new__(cls, text: str, written: str) -> Self:
        """Make one.

        Args:
            text: what it means.
            written: what the file says.
        """
        given = super().__new__(cls, text)
        given._written = written
        return given

    def __repr__(self) -> str:
        return repr(self._written)


def expanded(value: Any, where: str, problems: list[str]) -> Any:
    """Return a value of a configuration with every ``${NAME}`` in its texts filled in.

    Args:
        value: what TOML gives, tables and lists included.
        where: the key, for problems.
        problems: gets a sentence for each variable that the environment has not.
    """
    if isinstance(value, dict):
        prefix = f"{where}." if where else ""
        return {key: expanded(each, f"{prefix}{key}", problems) for key, each in value.items()}
    if isinstance(value, list):
        return [expanded(each, where, problems) for each in value]
    if not isinstance(value, str) or "${" not in value:
        return value

    def replaced(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        name = match[1]
        if name is None or not _NAME.fullmatch(name):
            problems.append(f"{where}: {match[0]!r} names no variable: write ${{NAME}} or $${{")
        elif name not in os.environ:
            problems.append(
                f"{where}: the environment has no {name}: set it, or write $${{{name}}}"
            )
        elif fault := text_fault(os.environ[name]):
            problems.append(f"{where}: {name} of the environment: {fault}")
        else:
            return os.environ[name]
        return ""

    text = _REFERENCE.sub(replaced, value)
    if fault := text_fault(text):
        problems.append(f"{where}: with variables filled in: {fault}")
        text = ""
    return Given(text, value)


def fitted(value: Any, option: Option) -> Any:
    """Return a value as its option wants it: numbers out of variables, secrets out of files.

    Raises:
        ValueError: the file of a secret cannot be read, is too large, or is empty.
    """
    if option.secret and isinstance(value, str) and value.startswith(FILE):
        return _first_line(value.removeprefix(FILE))
    if not isinstance(value, Given) or option.kind in (str, tuple, dict):
        return value
    if option.kind is bool:
        return _WORDS.get(value, value)
    try:
        return option.kind(str(value))
    except ValueError:
        return value  # the option says what is wrong with it


def plain(value: Any) -> Any:
    """Return a value without any trace of where it came from, lists as tuples."""
    if isinstance(value, Given):
        return str(value)
    if isinstance(value, list):
        return tuple(map(plain, value))
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return value


def _first_line(file: str) -> str:
    try:
        first = contents(file).text().partition("\n")[0].strip()
    except ValueError as error:
        raise ValueError(f"{one_line(repr(file))} {error}") from None
    if not first:
        raise ValueError(f"{one_line(repr(file))} has an empty first line")
    return first
