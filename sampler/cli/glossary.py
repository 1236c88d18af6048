"""Outcomes of entries, variables of the environment and exit statuses, and what each means."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_LAW = "collected + recovered = delivered + unconfirmed + dropped + queued"

OUTCOMES: Mapping[str, str] = {
    "yielded": "samples that a sampler gave; each is collected or refused",
    "refused": "samples that are not collected, by reason: 'sampler explain sampler.samples."
    "refused'",
    "collected": f"entries that were meant for an adapter; {_LAW}",
    "recovered": "entries that an earlier process left in the spool",
    "delivered": "entries whose arrival the endpoint's program has confirmed",
    "unconfirmed": "entries that were sent, of which nobody can tell whether they arrived, as of "
    "each datagram; they are not sent again where that could do harm",
    "dropped": "entries that were given up, by reason: 'sampler explain sampler.entries.dropped'",
    "queued": "entries that wait for the endpoint, or are on their way",
}
"""What becomes of samples and entries."""

VARIABLES: Mapping[str, str] = {
    "SAMPLER_CONFIG": "the configuration file, where neither -c nor the program names one",
    "SAMPLER_DISABLE": "samplers that are neither loaded nor collected, separated by commas; * "
    "stands for all",
    "SAMPLER_RELAY": "the address of a relay: the process reports there, whatever its file says; "
    "'sampler run -- COMMAND' sets it",
    "SAMPLER_WRAP": "what wraps the applications that servers serve; set by those who wire them",
    "SAMPLER_WIRED": "says which process is wired; set and read by 'sampler run -- COMMAND' only",
    "SAMPLER_WIRED_BY": "how lines on stderr begin: 'run' or 'job'; set and read by these",
    "SAMPLER_UWSGI": "says that uWSGI has its first interpreter; set and read in uWSGI only",
    "http_proxy": "the proxy for http:// endpoints that are not on this host, unless the key "
    "proxy of the adapter names one",
    "https_proxy": "the proxy for https:// endpoints, likewise; also in capitals",
    "no_proxy": "hosts that are asked without a proxy, separated by commas; also in capitals",
    "NOTIFY_SOCKET": "where 'sampler run' tells systemd that it is ready; systemd sets it",
}
"""Variables of the environment that are read."""

STATUSES: Mapping[int, str] = {
    0: "success",
    1: "'sampler validate' found a breach, or 'sampler demo' a number that did not arrive",
    2: "wrong arguments; of 'sampler validate': it cannot be imported, or the exercise raised",
    3: "'sampler validate' saw too little for a verdict",
    69: "an endpoint does not answer, or a package is not installed",
    78: "the configuration has problems; each is printed with its file and key",
    130: "Ctrl-C ended the command while it came up",
}
"""Exit statuses of the command; 'sampler run -- COMMAND' ends as the command does."""

BRIDGED: Mapping[str, str] = {
    "bridge.failures": "failures of what a bridge reads, by bridge and source: a collector, a "
    "callback, a file; only what that one tells is missing",
    "bridge.values": "values that the StatsD listener has taken",
    "bridge.refused": "lines, values of lines and connections that the StatsD listener has not "
    "taken, by reason",
    "bridge.datagrams.dropped": "datagrams that the kernel has dropped before the StatsD listener "
    "could read them",
}
"""Metrics of bridges themselves; before them stands the bridge's name, where names have one."""
