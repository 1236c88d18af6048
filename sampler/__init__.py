"""A standard way for Python code to say: here are my numbers, ask me when you want them.

In libraries: publish a plain mapping through an entry point, or ``register(SAMPLER)``. In
applications: ``sampler.agent.start("sampler.toml")``, or pull with a ``Collector``.
Importing this package loads nothing else; each name below is resolved when it is first used.
``sampler.registry`` is the default registry: ``register`` fills it, and agents read it.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampler import agent as agent
    from sampler import web as web
    from sampler._contract.exemplar import Exemplar as Exemplar
    from sampler._contract.histogram import HistogramValue as HistogramValue
    from sampler._contract.snapshot import ABSENT as ABSENT
    from sampler._contract.snapshot import Absent as Absent
    from sampler._contract.snapshot import Block as Block
    from sampler._contract.snapshot import Failure as Failure
    from sampler._contract.snapshot import Series as Series
    from sampler._contract.snapshot import Snapshot as Snapshot
    from sampler._instruments.counter import Counter as Counter
    from sampler._instruments.exemplars import ExemplarCounter as ExemplarCounter
    from sampler._instruments.exemplars import ExemplarHistogram as ExemplarHistogram
    from sampler._instruments.facts import Info as Info
    from sampler._instruments.facts import States as States
    from sampler._instruments.gauge import Gauge as Gauge
    from sampler._instruments.group import Instruments as Instruments
    from sampler._instruments.histogram import Histogram as Histogram
    from sampler._instruments.labelled_kinds import LabelledCounter as LabelledCounter
    from sampler._instruments.labelled_kinds import LabelledGauge as LabelledGauge
    from sampler._instruments.labelled_kinds import LabelledHistogram as LabelledHistogram
    from sampler._instruments.timers import Timer as Timer
    from sampler._pull.collector import Collector as Collector
    from sampler._pull.increments import Increments as Increments
    from sampler._pull.statistics import Statistics as Statistics
    from sampler._registry.registry import Registration as Registration
    from sampler._registry.registry import Registry as Registry
    from sampler._registry.registry import default as registry
    from sampler._registry.registry import register as register
    from sampler.exceptions import CollectorBusy as CollectorBusy
    from sampler.exceptions import ConfigurationError as ConfigurationError
    from sampler.exceptions import InvalidSampler as InvalidSampler
    from sampler.exceptions import SamplerConflict as SamplerConflict
    from sampler.exceptions import SamplerError as SamplerError

__all__ = (
    "ABSENT",
    "Absent",
    "Block",
    "Collector",
    "CollectorBusy",
    "ConfigurationError",
    "Counter",
    "Exemplar",
    "ExemplarCounter",
    "ExemplarHistogram",
    "Failure",
    "Gauge",
    "Histogram",
    "HistogramValue",
    "Increments",
    "Info",
    "Instruments",
    "InvalidSampler",
    "LabelledCounter",
    "LabelledGauge",
    "LabelledHistogram",
    "Registration",
    "Registry",
    "SamplerConflict",
    "SamplerError",
    "Series",
    "Snapshot",
    "States",
    "Statistics",
    "Timer",
    "agent",
    "register",
    "registry",
    "web",
)

_HOME = {
    "ABSENT": "_contract.snapshot",
    "Absent": "_contract.snapshot",
    "Block": "_contract.snapshot",
    "Collector": "_pull.collector",
    "CollectorBusy": "exceptions",
    "ConfigurationError": "exceptions",
    "Counter": "_instruments.counter",
    "Exemplar": "_contract.exemplar",
    "ExemplarCounter": "_instruments.exemplars",
    "ExemplarHistogram": "_instruments.exemplars",
    "Failure": "_contract.snapshot",
    "Gauge": "_instruments.gauge",
    "Histogram": "_instruments.histogram",
    "HistogramValue": "_contract.histogram",
    "Increments": "_pull.increments",
    "Info": "_instruments.facts",
    "Instruments": "_instruments.group",
    "InvalidSampler": "exceptions",
    "LabelledCounter": "_instruments.labelled_kinds",
    "LabelledGauge": "_instruments.labelled_kinds",
    "LabelledHistogram": "_instruments.labelled_kinds",
    "Registration": "_registry.registry",
    "Registry": "_registry.registry",
    "SamplerConflict": "exceptions",
    "SamplerError": "exceptions",
    "Series": "_contract.snapshot",
    "Snapshot": "_contract.snapshot",
    "States": "_instruments.facts",
    "Statistics": "_pull.statistics",
    "Timer": "_instruments.timers",
    "register": "_registry.registry",
}

if not TYPE_CHECKING:  # a checker that saw it would take every misspelt name for a good one

    def __getattr__(name: str) -> object:
        """Resolve a public name (:pep:`562`)."""
        if name in ("agent", "web"):
            return __import__(f"sampler.{name}", fromlist=[name])
        if name == "registry":
            from sampler._registry import registry

            return registry.default  # never kept: tests put another one in its place
        if name not in _HOME:
            raise AttributeError(f"module 'sampler' has no attribute {name!r}")
        value = getattr(__import__(f"sampler.{_HOME[name]}", fromlist=[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
