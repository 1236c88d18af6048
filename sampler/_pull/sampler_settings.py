"""What the operator has set for single samplers, as their factories are told (C-02)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sampler._contract.declaration import short

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol, TypeVar

    class Told(Protocol):
        """A consumer's side of a registration, with what its factory was told."""

        @property
        def name(self) -> str:
            """The sampler's name."""
            ...

        @property
        def windowed(self) -> bool:
            """True if there is a factory."""
            ...

        @property
        def settings(self) -> Mapping[str, Any]:
            """What the factory was told."""
            ...

    T = TypeVar("T", bound=Told)


class SamplerSettings:
    """What factories are told, by the name of a sampler.

    Args:
        given: a mapping of names to mappings, or None.

    Raises:
        TypeError: it is anything else.
        ValueError: a mapping or list in it contains itself.
    """

    def __init__(self, given: object) -> None:
        self._now = self._told = _checked(given)

    def change(self, given: object) -> None:
        """Tell factories something else from the next round on; raises as the class does."""
        self._now = _checked(given)

    def of(self, name: str) -> dict[str, Any]:
        """Return what a sampler's factory is told."""
        return self._now.get(name, {})

    def told_otherwise(self, sources: Iterable[T]) -> frozenset[T]:
        """Return the sources whose factories were told something else; once."""
        if self._now is self._told:
            return frozenset()
        self._told = self._now
        return frozenset(
            source
            for source in sources
            if source.windowed and source.settings != self.of(source.name)
        )


def _checked(settings: object) -> dict[str, dict[str, Any]]:
    if settings is None:
        return {}
    if not isinstance(settings, Mapping):
        raise TypeError(f"settings: expected a mapping by sampler, got {type(settings).__name__}")
    for name, keys in settings.items():
        if not isinstance(name, str):
            raise TypeError(f"settings: expected the name of a sampler, got {short(name)}")
        if not isinstance(keys, Mapping):
            kind = type(keys).__name__
            raise TypeError(f"settings[{name!r}]: expected a mapping of keys, got {kind}")
    try:
        return {name: with_own_tables(keys) for name, keys in settings.items()}
    except RecursionError:
        raise ValueError("settings: a mapping or list in them contains itself") from None


def with_own_tables(value: Any) -> Any:
    """Return a value with copies of the mappings and lists in it: nobody else has these."""
    if isinstance(value, Mapping):
        return {key: with_own_tables(each) for key, each in value.items()}
    return [with_own_tables(each) for each in value] if isinstance(value, list) else value
