"""A setting: one field of an attrs class, one key of ``sampler.toml``, one line of help."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

_KEY = "sampler.option"
_WORDS: dict[type, str] = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    tuple: "a list of strings",
}


@attrs.frozen
class Option:
    """What may stand for one setting.

    Attributes:
        help: one sentence, with the unit where there is one.
        kind: the type that TOML must give.
        minimum: lowest number allowed.
        maximum: highest number allowed.
        choices: the only values allowed.
        check: returns a sentence on what is wrong with a value of the right type, or None.
        optional: None means "not set".
    """

    help: str
    kind: type
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Any, ...] = ()
    check: Callable[[Any], str | None] | None = None
    optional: bool = False

    def fault(self, value: Any) -> str | None:
        """Say what is wrong with ``value``, or return None."""
        if value is None and self.optional:
            return None
        if not self._has_type(value):
            return f"expected {_WORDS[self.kind]}, got {value!r}"
        if self.choices and value not in self.choices:
            return f"expected one of {', '.join(map(repr, self.choices))}, got {value!r}"
        if isinstance(value, int | float) and not isinstance(value, bool):
            low, high = self.minimum, self.maximum
            if not math.isfinite(value) or (low is not None and value < low):
                return f"must be at least {low}, got {value!r}"
            if high is not None and value > high:
                return f"must be at most {high}, got {value!r}"
        return self.check(value) if self.check else None

    def _has_type(self, value: Any) -> bool:
        if self.kind is tuple:
            return isinstance(value, list | tuple) and all(isinstance(v, str) for v in value)
        if isinstance(value, bool):
            return self.kind is bool
        return isinstance(value, (int, float) if self.kind is float else self.kind)


def option(
    default: Any,
    help: str,  # noqa: A002 - the field's documentation
    *,
    kind: type | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[Any, ...] = (),
    check: Callable[[Any], str | None] | None = None,
) -> Any:
    """Declare a setting as a field of an attrs class.

    Args:
        default: the value when nothing is said; None needs ``kind`` and means "not set".
        help: one sentence, with the unit.
        kind: ``str``, ``int``, ``float``, ``bool`` or ``tuple`` (of strings); default: as the
            default.
        minimum: lowest number allowed.
        maximum: highest number allowed.
        choices: the only values allowed.
        check: returns a sentence on what is wrong with a value, or None.

    Returns:
        An attrs field. Constructing the class with a bad value raises ``ValueError`` naming it.
    """
    described = Option(
        help, kind or type(default), minimum, maximum, choices, check, optional=default is None
    )

    def validate(_instance: object, field: attrs.Attribute[Any], value: Any) -> None:
        fault = described.fault(value)
        if fault:
            raise ValueError(f"{field.name}: {fault}")

    return attrs.field(default=default, validator=validate, metadata={_KEY: described})


def options(cls: type) -> dict[str, Option]:
    """Return the settings of an attrs class by name, in order."""
    if not attrs.has(cls):
        return {}
    return {f.name: f.metadata[_KEY] for f in attrs.fields(cls) if _KEY in f.metadata}
