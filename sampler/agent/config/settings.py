"""The settings of an agent, and the keys of ``sampler.toml`` with their defaults and ranges."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from sampler.agent.config.bridges import BridgesSettings
from sampler.agent.config.limits import name_fault
from sampler.agent.config.options import option
from sampler.agent.config.relay import RelaySettings
from sampler.agent.config.series import enable_fault, labels_fault, patterns_fault, rename_fault
from sampler.agent.config.web import WebSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ALL, CHANGES, NONE = SELF_METRICS = ("all", "changes", "none")
"""What an adapter may get of the agent's own account."""
DEFAULTS = "built-in defaults"
"""The ``file`` of settings that come from no file."""


_LONGEST_SOCKET = 100
"""Bytes of a unix socket's path: the kernel takes some more."""


def _socket_fault(path: str) -> str | None:
    if not Path(path).is_absolute():
        return f"must be an absolute path, got {path!r}"
    if len(os.fsencode(path)) > _LONGEST_SOCKET:
        return f"has more than {_LONGEST_SOCKET} bytes: unix sockets need a shorter path"
    return None


@attrs.frozen
class ProgramSettings:
    """The keys at the top of ``sampler.toml``: what the program is, and when it is pulled."""

    interval: float = option(
        10.0, "Seconds between pulls, aligned to the wall clock.", minimum=0.1, maximum=86_400
    )
    service: str | None = option(
        None, "What runs here; default: the program's name.", kind=str, check=name_fault
    )
    host: str | None = option(
        None, "Where it runs; default: the host's name.", kind=str, check=name_fault
    )
    instance: str | None = option(
        None,
        "Which of several; default: the lowest free slot number on this host. A number is added "
        "to one that another process of the service has.",
        kind=str,
        check=name_fault,
    )
    flush_timeout: float = option(
        5.0, "Seconds that the final flush may take.", minimum=0, maximum=600
    )
    fork: bool = option(
        True,
        "Give each forked child an agent of its own, with the adapters that push; not a child "
        "that a sampler or an adapter forks, or the program inside sampler.agent.no_fork().",
    )
    socket: str | None = option(
        None,
        "A unix socket for 'sampler top' and 'sampler tap', which only this user may use; "
        "default: none.",
        kind=str,
        check=_socket_fault,
    )
    allow_readable_secrets: bool = option(
        default=False,
        help="Accept secrets and private keys in files that other users can read.",
    )
    labels: dict[str, str] = option(
        {},
        "Labels of every series, as a table [labels]: env = 'prod'; {service}, {host}, "
        "{instance}, {pid} and {role} are filled in. A series' own label of that name stands.",
        check=labels_fault,
    )


@attrs.frozen
class SamplersSettings:
    """The ``[samplers]`` table: what is collected, and its limits."""

    enable: tuple[str, ...] | None = option(
        None,
        "Samplers to collect: names, patterns such as 'shop.*', or 'package.module:OBJECT'; "
        "default: 'process' and whatever the program registered or imported.",
        kind=tuple,
        check=enable_fault,
    )
    keep: tuple[str, ...] | None = option(
        None,
        "Metrics to keep: full names, or patterns such as 'shop.*'; all others are left out; "
        "default: all are kept.",
        kind=tuple,
        check=patterns_fault,
    )
    drop: tuple[str, ...] = option(
        (),
        "Metrics to leave out: full names, or patterns such as 'shop.debug.*'; each sample counts "
        "as refused{reason='filtered'}.",
        check=patterns_fault,
    )
    rename: dict[str, str] = option(
        {},
        "Other names for metrics: full names in quotes, such as 'shop.orders' = "
        "'sales.orders', or other beginnings, such as 'shop.*' = 'sales.*', or = '*' for none.",
        check=rename_fault,
    )
    deadline: float | None = option(
        None,
        "Seconds a pull of one sampler may take; default: the interval, at most 5.",
        kind=float,
        minimum=0.01,
        maximum=600,
    )
    max_samples: int = option(
        10_000,
        "Samples taken from one sampler in one pull; groups of instruments have their own limit.",
        minimum=1,
        maximum=100_000_000,
    )
    max_series: int = option(
        2_000,
        "Series of one metric; the surplus is folded into one.",
        minimum=1,
        maximum=100_000_000,
    )
    settings: dict[str, dict[str, Any]] = option(
        {},
        "What single samplers are told, for those that take settings: a table for each, as "
        '[samplers.settings."sqlalchemy.pool"].',
        items=dict,
    )
    _bridges: tuple[str, ...] = ()

    @property
    def bridges(self) -> tuple[str, ...]:
        """Samplers that [bridges] names, collected besides what ``enable`` says."""
        return self._bridges


def _folder_fault(folder: str) -> str | None:
    try:
        os.fsencode(folder)
    except UnicodeEncodeError:
        return f"has a character that no path can have: {folder!r}"
    return None if Path(folder).is_absolute() else f"must be an absolute path, got {folder!r}"


@attrs.frozen
class DeliverySettings:
    """Keys that every ``[adapters.NAME]`` table may have, whatever its adapter."""

    type: str | None = option(
        None,
        "Which adapter it is: a name, or 'package.module:Class'; default: the table's name.",
        kind=str,
    )
    interval: float | None = option(
        None,
        "Seconds between its pulls; default: the interval at the top.",
        kind=float,
        minimum=0.1,
        maximum=86_400,
    )
    timeout: float = option(
        5.0, "Seconds one attempt to deliver may take.", minimum=0.01, maximum=600
    )
    encode_timeout: float | None = option(
        None,
        "Seconds encoding one snapshot may take; default: the interval, 5 to 300.",
        kind=float,
        minimum=0.01,
        maximum=3_600,
    )
    outbox: int = option(
        8 * 2**20,
        "Bytes that may wait for the endpoint; beyond that the oldest are dropped.",
        minimum=2**10,
        maximum=2**40,
    )
    spool: str | None = option(
        None,
        "Folder that keeps what waits when the process ends, for adapters whose batches carry "
        "their time; each service, instance and adapter has its own in it; default: none.",
        kind=str,
        check=_folder_fault,
    )
    spool_bytes: int = option(
        64 * 2**20,
        "Bytes that the spool may take; beyond that the oldest are dropped.",
        minimum=2**16,
        maximum=2**40,
    )
    self_metrics: str | None = option(
        None,
        "The agent's own account, sampler.*: all of it; changes: what is or was not 0; or none; "
        "default: changes for graphite and statsd, none for console, else all.",
        kind=str,
        choices=SELF_METRICS,
    )


@attrs.frozen
class AdapterSettings:
    """The settings of one adapter. Two are equal when a reload keeps the adapter.

    Attributes:
        name: its name in the configuration.
        type: its entry point's name.
        adapter: the adapter.
        interval: seconds between its pulls.
        timeout: seconds that one attempt to deliver may take.
        outbox: bytes that may wait.
        table: its keys, with variables and secrets filled in.
        files: the files that the adapter has read, each with its state then.
        spool: the folder of its spool; None: it has none.
        spool_bytes: bytes that the spool may take.
        encode_timeout: seconds that encoding a snapshot may take; None: the interval, 5 to 300.
        make: returns another adapter with the same keys, for a forked child; None: it gets none.
        self_metrics: how much it gets of the agent's own account; None: what the adapter says.
        for_people: it serves people, and delivers to no backend: the account leaves it out.
        stands_in_for: the name of the adapter whose work it does while that one's endpoint is
            gone; "": it works always.
    """

    name: str
    type: str
    adapter: Any = attrs.field(eq=False, repr=False)
    interval: float
    timeout: float = 5.0
    outbox: int = 8 * 2**20
    table: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    files: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    spool: str | None = None
    spool_bytes: int = 64 * 2**20
    encode_timeout: float | None = None
    make: Callable[[], Any] | None = attrs.field(default=None, eq=False, repr=False)
    self_metrics: str | None = None
    stands_in_for: str = ""
    for_people: bool = False

    @property
    def pushes(self) -> bool:
        """Whether it sends to a backend by itself; others are asked, or serve people."""
        return hasattr(self.adapter, "send") and not self.for_people

    @property
    def key(self) -> str:
        """The key of the configuration that it comes from."""
        return self.name if self.for_people else f"adapters.{self.name}"


@attrs.frozen
class Settings:
    """A whole configuration, checked.

    Attributes:
        file: the name of the file it came from.
        program: the keys at the top.
        samplers: the ``[samplers]`` table.
        adapters: one for each ``[adapters.NAME]`` table.
        relay: the ``[relay]`` table.
        web: the ``[web]`` table.
        bridges: the ``[bridges.NAME]`` tables; what they add to ``samplers`` is there, too.
        outdated: a sentence for each key that another one replaces.
    """

    file: str = DEFAULTS
    program: ProgramSettings = attrs.field(factory=ProgramSettings)
    samplers: SamplersSettings = attrs.field(factory=SamplersSettings)
    adapters: tuple[AdapterSettings, ...] = ()
    relay: RelaySettings = attrs.field(factory=RelaySettings)
    web: WebSettings = attrs.field(factory=WebSettings)
    bridges: BridgesSettings = attrs.field(factory=BridgesSettings)
    outdated: tuple[str, ...] = ()
