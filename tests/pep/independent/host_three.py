"""The third reader's consumer and registry, as the kits ask for them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from sampler.testing import ConsumerContract, RegistryContract
from tests.kits.consumers import follow
from tests.pep.independent import three

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Told(three.Consumer):
    """A consumer that finds these registries announced."""

    def __init__(self, registries: Iterable[Any], **options: Any) -> None:
        self.told = list(registries)
        super().__init__(**options)

    def _registries(self) -> dict[tuple[str, str], Any]:
        self.undiscovered: list[Any] = []
        return {("", str(n)): lambda each=each: each for n, each in enumerate(self.told)}


class Three:
    """A consumer of a list of mappings, or of registries."""

    def __init__(
        self,
        samplers: list[Mapping[str, Any]],
        deadline: float,
        *,
        beside: Three | None = None,
        registries: Iterable[Any] | None = None,
        settings: Any = None,
    ) -> None:
        self.samplers = samplers
        self.known: dict[int, Any] = beside.known if beside else {}
        self.registry = beside.registry if beside else three.Registry()
        self.refused: Counter[tuple[str, str]] = Counter()
        self.rates: dict[Any, float] = {}
        self._follow()
        options = {"deadline": deadline, "settings": settings}
        self.consumer = (
            three.Consumer(self.registry, **options)
            if registries is None
            else Told(registries, **options)
        )
        self.first = self._brought(self.consumer.first)

    def _follow(self) -> None:
        follow(self.samplers, self.known, self.registry.register, self.registry.unregister)

    def _brought(self, result: Any) -> Any:
        self.refused.update(result.refused)
        self.rates = {
            series: result.increments[series] / seconds
            for series, seconds in result.seconds.items()
            if seconds > 0 and not isinstance(result.increments[series], tuple)
        }
        return result.values, result.increments, set(result.failed)

    def pull(self) -> Any:
        self._follow()
        return self._brought(self.consumer.pull())

    def close(self) -> None:
        self.consumer.close()


class ConsumerSuite(ConsumerContract):
    """The kit for the consumer."""

    asynchronous = False
    forks = True
    limit = three.MAX_SAMPLES

    def consumer(self, samplers: Any, deadline: float) -> Any:
        return Three(samplers, deadline)

    def first(self, consumer: Any) -> Any:
        return consumer.first

    def beside(self, consumer: Any) -> Any:
        return Three(consumer.samplers, consumer.consumer.deadline, beside=consumer)

    def refused(self, consumer: Any) -> Any:
        return dict(consumer.refused)

    def rates(self, consumer: Any) -> Any:
        return consumer.rates

    def configured(self, samplers: Any, deadline: float, settings: Any) -> Any:
        return Three(samplers, deadline, settings=settings)

    def registries(self, registries: Any, deadline: float) -> Any:
        return Three([], deadline, registries=registries)


class RegistrySuite(RegistryContract):
    """The kit for the registry."""

    def registry(self) -> Any:
        return three.Registry()

    def discover(self, registry: Any, *names: str) -> Any:
        return {name: reason for name, _, reason in registry.discover(*names)}
