"""What has grown in a registry since a moment, for tests of code that counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sampler
from sampler import Collector
from sampler._contract.values import subtract

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    from sampler import Registry
    from sampler._contract.snapshot import Value

    Key = str | tuple[str, Mapping[str, object]]


class Grown:
    """What has grown in a registry since this was made; a context manager.

    ``grown["shop.orders"]`` is a number, ``grown["shop.orders", {"route": "buy"}]`` that of one
    child; of a histogram it is a :class:`~sampler.HistogramValue` of what was observed, of a gauge
    the difference. What is not there has not grown: 0. Each look pulls anew.

    Args:
        registry: default: the default registry.
    """

    def __init__(self, registry: Registry | None = None) -> None:
        chosen = sampler.registry if registry is None else registry
        self._collector = Collector(chosen, name="test")
        self._before: dict[Any, Value] = self._values()

    def __getitem__(self, key: Key) -> Any:
        name, labels = (key, {}) if isinstance(key, str) else key
        wanted = _key(name, labels)
        now, before = self._values().get(wanted), self._before.get(wanted)
        if now is None:
            return 0
        return now if before is None else subtract(now, before)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._collector.close()

    def __repr__(self) -> str:
        now, before = self._values(), self._before
        grown = (
            f"{name}{dict(labels) or ''}: {value}"
            for (name, labels), value in now.items()
            if value != before.get((name, labels), 0)
        )
        return f"<Grown {', '.join(grown)}>"

    def _values(self) -> dict[Any, Value]:
        return {
            _key(series.name, series.labels): value for series, value in self._collector.collect()
        }


def _key(name: str, labels: Mapping[str, object]) -> tuple[str, tuple[tuple[str, str], ...]]:
    texts = {key: "" if text is None else f"{text}" for key, text in labels.items()}
    return name, tuple(sorted((key, text) for key, text in texts.items() if text))
