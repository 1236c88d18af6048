"""A setting: one field of an attrs class, one key of ``sampler.toml``, one line of help."""

from __future__ import annotations

import inspect
import math
from typing import TYPE_CHECKING, Any

import attrs

from sampler._contract.declaration import short
from sampler.agent.config.limits import HIGHEST, LOWEST, size_fault, text_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_KEY = "sampler.option"
_WORDS: dict[type, str] = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    tuple: "a list of strings",
}
_TABLES: dict[type, str] = {
    str: "a table of strings",
    dict: "a table of tables",
    object: "a table",
}
_ENORMOUS = 10_000_000
"""From here on a range is shown as "at least ..., at most ..."."""
_LISTS: dict[type, str] = {str: "strings", float: "numbers", int: "integers"}


@attrs.frozen
class Option:
    """The type, range and help of one setting.

    Attributes:
        default: the value of a key that is not given.
        help: one sentence, with the unit where there is one.
        kind: the type of the value.
        items: for a list or table: the type of its items; ``minimum``, ``maximum`` and ``choices``
            hold for each.
        minimum: lowest number allowed.
        maximum: highest number allowed.
        choices: the only values allowed.
        check: returns what is wrong with a value of the right type, as a sentence, or None.
        optional: None means "not set".
        secret: it is never shown; ``file:/path`` stands for the first line of a file.
        private: it names a file that nobody else may read.
        also: values of another type that may stand there, such as True beside a text.
        replaced_by: the key of the same table to write instead; "": this one stays.
    """

    default: Any
    help: str
    kind: type
    items: type = str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Any, ...] = ()
    check: Callable[[Any], str | None] | None = None
    optional: bool = False
    secret: bool = False
    private: bool = False
    also: tuple[Any, ...] = ()
    replaced_by: str = ""

    def fault(self, value: Any) -> str | None:
        """Say what is wrong with ``value``, or return None."""
        if (value is None and self.optional) or any(value is each for each in self.also):
            return None
        if not self._has_type(value):
            inner = value.values() if isinstance(value, dict) and self.kind is dict else ()
            dotted = self.items is str and any(isinstance(each, dict) for each in inner)
            hint = ": write a name with dots in quotes" if dotted else ""
            return f"expected {self.expected}, got {self._shown(value)}{hint}"
        items = tuple(_items(value))
        if len(items) > 1 and (fault := size_fault(items)):
            return f"has {fault}"
        for item in items:
            if isinstance(item, str) and (fault := text_fault(item)):
                return f"has {fault}"
            if self.choices and item not in self.choices:
                known = ", ".join(map(repr, self.choices))
                return f"expected one of {known}, got {self._shown(item)}"
            if wrong := self._out_of_range(item):
                return wrong
        return self.check(value) if self.check else None

    @property
    def meaning(self) -> str:
        """The help, and what to write instead of a key that is replaced."""
        if not self.replaced_by:
            return self.help
        return f"{self.help} Deprecated: write {self.replaced_by} instead."

    @property
    def expected(self) -> str:
        """The type in words: ``an integer``, ``a list of numbers``."""
        if self.kind is dict:
            return _TABLES[self.items]
        words = f"a list of {_LISTS[self.items]}" if self.kind is tuple else _WORDS[self.kind]
        return " or ".join((words, *map(_toml, self.also)))

    @property
    def range(self) -> str:
        """The allowed range of numbers, in words; empty when there is none."""
        low, high = self.minimum, self.maximum
        if low is None or high is None:
            return f"at least {low:.15g}" if low else f"at most {high:.15g}" if high else ""
        if high < _ENORMOUS:
            return f"{low:.15g} to {high:.15g}"
        return f"at least {low:.15g}, at most {high:,}"

    def _shown(self, value: Any) -> str:
        return "something else" if self.secret else short(value)

    def _out_of_range(self, value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        if isinstance(value, float) and not math.isfinite(value):
            return f"must be a finite number, got {value!r}"
        low = LOWEST if self.minimum is None else self.minimum
        high = HIGHEST if self.maximum is None else self.maximum
        if value < low:
            return f"must be at least {low}, got {short(value)}"
        if value > high:
            return f"must be at most {high}, got {short(value)}"
        return None

    def _has_type(self, value: Any) -> bool:
        if self.kind is tuple:
            return isinstance(value, list | tuple) and all(_is(v, self.items) for v in value)
        if self.kind is dict:
            return isinstance(value, dict) and all(_is(v, self.items) for v in value.values())
        return _is(value, self.kind)


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return (*value, *value.values())
    return value if isinstance(value, list | tuple) else (value,)


def _is(value: Any, kind: type) -> bool:
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def option(
    default: Any,
    help: str,  # noqa: A002 - the field's documentation
    *,
    kind: type | None = None,
    items: type = str,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[Any, ...] = (),
    check: Callable[[Any], str | None] | None = None,
    secret: bool = False,
    private: bool = False,
    also: tuple[Any, ...] = (),
    replaced_by: str = "",
) -> Any:
    """Declare a setting as a field of an attrs class.

    Args:
        default: the value of a key that is not given; None needs ``kind`` and means "not set".
        help: one sentence, with the unit.
        kind: ``str``, ``int``, ``float``, ``bool``, ``tuple`` (a list) or ``dict`` (a table of
            strings or of tables); default: the type of ``default``.
        items: type of a list's items: ``str``, ``float`` or ``int``; of a table's: ``str`` or
            ``dict``.
        minimum: lowest number allowed.
        maximum: highest number allowed.
        choices: the only values allowed.
        check: returns what is wrong with a value, as a sentence, or None.
        secret: never shown in a repr, log or error.
        private: it names a file that nobody else may read, such as a key.
        also: values of another type that may stand there, such as True beside a text.
        replaced_by: the key of the same table to write instead. This one works as before; who
            writes it is told so at each start, and who writes both has a problem.

    Returns:
        An attrs field. Constructing the class with a bad value raises ``ValueError``, whose
        text begins with the field's name.
    """
    described = Option(
        default,
        help,
        kind or type(default),
        items,
        minimum,
        maximum,
        choices,
        check,
        optional=default is None,
        secret=secret,
        private=private,
        also=also,
        replaced_by=replaced_by,
    )

    def validate(_instance: object, field: attrs.Attribute[Any], value: Any) -> None:
        fault = described.fault(value)
        if fault:
            raise ValueError(f"{field.name}: {fault}")

    given = attrs.Factory(lambda: dict(default)) if isinstance(default, dict) else default
    return attrs.field(
        default=given, validator=validate, metadata={_KEY: described}, repr=not secret
    )


def options(cls: type) -> dict[str, Option]:
    """Return the settings of an attrs class by name, in order; those that it inherits last."""
    if not attrs.has(cls):
        return {}
    fields = sorted(attrs.fields(cls), key=lambda field: field.inherited)
    return {f.name: f.metadata[_KEY] for f in fields if _KEY in f.metadata}


def parameters(cls: Any) -> tuple[str, ...] | None:
    """Return the keyword arguments that a class without options takes; None: any."""
    try:
        parameters = inspect.signature(cls).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return tuple(p.name for p in parameters)
