"""The sampler ``http.server`` of a registry, published with the first middleware."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from sampler._registry import registry as registries
from sampler._runtime.fork import in_child
from sampler._runtime.log import log
from sampler.exceptions import SamplerConflict
from sampler.web._metrics import METRICS, NAME
from sampler.web._reader import Reader
from sampler.web._state import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampler._registry.registry import Registry

_states: WeakKeyDictionary[Registry, State] = WeakKeyDictionary()


def state_of(registry: Registry | None) -> State:
    """Return what is added to for a registry; the first call publishes it there.

    Args:
        registry: default: the default registry.
    """
    home = registries.default if registry is None else registry
    state = _states.get(home)
    if state is None:
        made = State()
        state = _states.setdefault(home, made)
        if state is made:
            _publish(home, state)
    return state


def _publish(home: Registry, state: State) -> None:
    sampler = {
        "name": NAME,
        "factory": lambda _: Reader(state),
        "metrics": METRICS,
        "start": lambda: state.start,
    }
    try:
        home.register(sampler)
    except SamplerConflict as conflict:  # the application comes first
        log.error("requests are counted, and nobody sees it: %s", conflict)


def _restart_all() -> None:
    for state in list(_states.values()):
        state.restart()


in_child(_restart_all)
