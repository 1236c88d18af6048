"""A standard way for Python code to say: here are my numbers, ask me when you want them.

In libraries: publish a plain mapping through an entry point, or ``register(SAMPLER)``. In
applications: ``sampler.agent.start("sampler.toml")``, or pull with a ``Collector``.
Importing this package loads nothing else; each name below is resolved when it is first used.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampler import agent as agent
    from sampler._contract.histogram import HistogramValue as HistogramValue
    from sampler._contract.snapshot import ABSENT as ABSENT
    from sampler._contract.snapshot import Block as Block
    from sampler._contract.snapshot import Failure as Failure
    from sampler._contract.snapshot import Series as Series
    from sampler._contract.snapshot import Snapshot as Snapshot
    from sampler._instruments.group import Instruments as Instruments
    from sampler._pull.collector import Collector as Collector
    from sampler._registry.registry import Registration as Registration
    from sampler._registry.registry import Registry as Registry
    from sampler._registry.registry import register as register
    from sampler.exceptions import CollectorBusy as CollectorBusy
    from sampler.exceptions import ConfigurationError as ConfigurationError
    from sampler.exceptions import InvalidSampler as InvalidSampler
    from sampler.exceptions import SamplerConflict as SamplerConflict
    from sampler.exceptions import SamplerError as SamplerError

__all__ = (
    "ABSENT",
    "Block",
    "Collector",
    "CollectorBusy",
    "ConfigurationError",
    "Failure",
    "HistogramValue",
    "Instruments",
    "InvalidSampler",
    "Registration",
    "Registry",
    "SamplerConflict",
    "SamplerError",
    "Series",
    "Snapshot",
    "agent",
    "register",
)

_HOME = {
    "ABSENT": "_contract.snapshot",
    "Block": "_contract.snapshot",
    "Collector": "_pull.collector",
    "CollectorBusy": "exceptions",
    "ConfigurationError": "exceptions",
    "Failure": "_contract.snapshot",
    "HistogramValue": "_contract.histogram",
    "Instruments": "_instruments.group",
    "InvalidSampler": "exceptions",
    "Registration": "_registry.registry",
    "Registry": "_registry.registry",
    "SamplerConflict": "exceptions",
    "SamplerError": "exceptions",
    "Series": "_contract.snapshot",
    "Snapshot": "_contract.snapshot",
    "register": "_registry.registry",
}


def __getattr__(name: str) -> object:
    """Resolve a public name (:pep:`562`)."""
    if name == "agent":
        import sampler.agent

        return sampler.agent
    if name not in _HOME:
        raise AttributeError(f"module 'sampler' has no attribute {name!r}")
    home = __import__(f"sampler.{_HOME[name]}", fromlist=[name])
    value: object = getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
