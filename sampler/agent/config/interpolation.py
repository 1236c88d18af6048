"""Values of ``sampler.toml`` from elsewhere: ``${NAME}`` of the environment, ``file:`` secrets.

``$${`` stands for a plain ``${``. Errors show a text as the file has it, before variables are
filled in: a variable may hold a secret.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Self

from sampler._runtime.printable import one_line
from sampler.agent.config.files import read_plain_file
from sampler.agent.config.limits import text_fault

if TYPE_CHECKING:
    from sampler.agent.config.options import Option

_REFERENCE = re.compile(r"\$\$\{|\$\{([^${}]*)\}|\$\{")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
FILE = "file:"
"""The prefix of a secret that names a file; the secret is its first line."""
_WORDS = {"true": True, "false": False}


class Interpolated(str):  # noqa: SLOT000 - it has one more attribute
    """A text with variables filled in; its repr shows it as the file has it."""

    _written: str

    def __new__(cls, text: str, written: str) -> Self:
        """Make one.

        Args:
            text: with variables filled in.
            written: as the file has it.
        """
        new = super().__new__(cls, text)
        new._written = written
        return new

    def __repr__(self) -> str:
        return repr(self._written)


def interpolated(value: Any, where: str, problems: list[str]) -> Any:
    """Return a value of a configuration with every ``${NAME}`` in its texts filled in.

    Args:
        value: what TOML gives, tables and lists included.
        where: the key, for problems.
        problems: gets a sentence for each reference that cannot be filled in.
    """
    if isinstance(value, dict):
        prefix = f"{where}." if where else ""
        return {key: interpolated(each, f"{prefix}{key}", problems) for key, each in value.items()}
    if isinstance(value, list):
        return [interpolated(each, where, problems) for each in value]
    if not isinstance(value, str) or "${" not in value:
        return value

    def replaced(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        name = match[1]
        if name is None or not _NAME.fullmatch(name):
            problems.append(
                f"{where}: {match[0]!r} does not name a variable: write ${{NAME}} or $${{"
            )
        elif name not in os.environ:
            problems.append(
                f"{where}: the environment has no variable {name}: set it, or write $${{{name}}}"
            )
        elif fault := text_fault(os.environ[name]):
            problems.append(f"{where}: the environment's variable {name} has {fault}")
        else:
            return os.environ[name]
        return ""

    text = _REFERENCE.sub(replaced, value)
    if fault := text_fault(text):
        problems.append(f"{where}: has {fault} with variables filled in")
        text = ""
    return Interpolated(text, value)


def converted(value: Any, option: Option) -> Any:
    """Return a value in its option's type: numbers from variables, secrets from files.

    Raises:
        ValueError: the file of a secret cannot be read, is too large, or is empty.
    """
    if option.secret and isinstance(value, str) and value.startswith(FILE):
        return _first_line(value.removeprefix(FILE))
    if option.secret and isinstance(value, dict):
        return {key: _secret(each) for key, each in value.items()}
    if not isinstance(value, Interpolated) or option.kind in (str, tuple, dict):
        return value
    if option.kind is bool:
        return _WORDS.get(value, value)
    try:
        return option.kind(str(value))
    except ValueError:
        return value  # Option.fault says what is wrong with it


def _secret(value: Any) -> Any:
    is_file = isinstance(value, str) and value.startswith(FILE)
    return _first_line(value.removeprefix(FILE)) if is_file else value


def plain(value: Any) -> Any:
    """Return a value as plain strings, tuples and dicts, without where it came from."""
    if isinstance(value, Interpolated):
        return str(value)
    if isinstance(value, list):
        return tuple(map(plain, value))
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return value


def _first_line(file: str) -> str:
    try:
        first = read_plain_file(file).text().partition("\n")[0].strip()
    except ValueError as error:
        raise ValueError(f"{one_line(repr(file))} {error}") from None
    if not first:
        raise ValueError(f"{one_line(repr(file))} has an empty first line")
    return first
