"""What instruments yield: labels that never change, and samples of which values are enough."""

from __future__ import annotations

from _collections_abc import Mapping  # collections.abc, without all of collections

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any


class ReadOnlyLabels(dict[str, str]):
    """An instrument's labels, shown. A change would change nothing, so it is refused."""

    __slots__ = ()

    if not TYPE_CHECKING:

        def _refuse(self, *_: object, **__: object) -> None:
            raise TypeError("these labels are an instrument's: copy them to change them")

        __setitem__ = __delitem__ = __ior__ = _refuse
        clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type[dict[str, str]], tuple[dict[str, str]]]:
        return dict, (dict(self),)


class FixedLabels(Mapping[str, str]):
    """Labels that never change: they may be kept, shared, and compared by identity.

    A child of an instrument keeps them, so they are two tuples, of which all children share one.

    Args:
        names: label names, in order.
        texts: their values.

    Attributes:
        names: label names, in order.
    """

    __slots__ = ("_texts", "names")

    def __init__(self, names: tuple[str, ...], texts: tuple[str, ...]) -> None:
        self.names = names
        self._texts = texts

    def __getitem__(self, name: str) -> str:
        return self.copy()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def copy(self) -> dict[str, str]:
        """Return the same as a dictionary."""
        return dict(zip(self.names, self._texts, strict=True))

    def shown(self) -> ReadOnlyLabels:
        """Return the same for whoever asks a series for its labels."""
        return ReadOnlyLabels(zip(self.names, self._texts, strict=True))

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Return names with their values, without empty ones."""
        pairs = tuple(zip(self.names, self._texts, strict=True))
        return tuple(pair for pair in pairs if pair[1]) if "" in self._texts else pairs

    def __repr__(self) -> str:
        return repr(self.copy())

    def __reduce__(self) -> tuple[type[dict[str, str]], tuple[dict[str, str]]]:
        return dict, (self.copy(),)


class InstrumentSamples:
    """The samples of a group of instruments; their values are enough for who has its last ones.

    Args:
        shape: the group, and how many children each of its instruments has; equal to the last
            one while they are the same, in the same order.
        samples: makes the samples.
        values: makes their values alone; None stands for a child that has nothing to report.
    """

    __slots__ = ("_samples", "shape", "values")

    def __init__(
        self,
        shape: tuple[Any, ...],
        samples: Callable[[], Iterable[tuple[Any, ...]]],
        values: Callable[[], list[Any]],
    ) -> None:
        self.shape = shape
        self.values = values
        self._samples = samples

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self._samples())
