"""What the suite of registries asks of those who inherit from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from sampler.testing._remedies import REMEDIES
from sampler.testing._require import require as _require

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class RegistrySuite:
    """What the tests of a registry have in common.

    Only :meth:`registry` has to be written, if registering and unregistering look as below.

    Attributes:
        patience: seconds after which a test no longer waits for something to happen.
    """

    patience: ClassVar[float] = 30.0

    def registry(self) -> Any:
        """Return a new registry, which is empty."""
        raise NotImplementedError

    def register(self, registry: Any, sampler: Mapping[str, Any]) -> Any:
        """Register a sampler and return its registration; raise if it is refused."""
        return registry.register(sampler)

    def unregister(self, registry: Any, registration: Any) -> None:
        """Withdraw a sampler."""
        registry.unregister(registration)

    def discover(self, registry: Any, *names: str) -> Mapping[str, str] | None:
        """Register what installed distributions announce and the program has imported.

        Args:
            registry: where to.
            names: entry points that are asked for by name, imported or not.

        Returns:
            The reason why, by the name of each entry point that could not be published; None if
            this registry does not discover: the checks of R-08 to R-10 are skipped then.
        """
        del registry, names
        return None


def require(holds: object, clause: str, message: str) -> None:
    """Fail the clause unless ``holds``."""
    _require(holds, clause, message, REMEDIES)


def copy_of(registration: Any) -> Any:
    """Return the mapping that a registration shows."""
    shown = getattr(registration, "sampler", None)
    says = f"a registration, {registration!r:.200}, has no mapping 'sampler'"
    require(hasattr(shown, "keys"), "R-12", says)
    return shown


def names(registry: Any) -> list[str]:
    """Return the names of the samplers that iterating a registry yields."""
    return [copy_of(each)["name"] for each in registry]


def quiet() -> Any:
    """Return no samples."""
    return []


def refusal(call: Callable[[], Any]) -> Exception | None:
    """Return what a call raised."""
    try:
        call()
    except Exception as error:
        return error
    return None
