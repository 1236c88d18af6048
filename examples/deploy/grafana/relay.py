"""The dashboard of a relay: which processes report to it, and how they end."""

from __future__ import annotations

from examples.deploy.grafana.panels import (
    Page,
    Panel,
    Row,
    by_label,
    growth,
    named,
    of,
    paths,
    per_second,
    rate,
)

_ENDS = "server_process_exits_total"
_STARTS = of("server_process_starts_total")
_BAD_ENDS = of(_ENDS, 'reason=~"signal|lost"')
_DELIVERED = "sampler.entries.delivered.*"

RELAY = Page(
    "relay",
    "sampler: relay",
    "Processes that report to a relay, and what becomes of their numbers.",
    "server_process_current",
    (
        Row(
            "Trouble",
            (
                Panel(
                    "Processes that report",
                    "Of all servers that are chosen. 0: no worker has an agent; the relay's log "
                    "says why.",
                    "short",
                    ((f"sum({of('server_process_current')})", ""),),
                    (named(paths("server.process.count"), "processes"),),
                    bad=1,
                    low=True,
                ),
                Panel(
                    "Ended by a signal, or lost",
                    "Killed, as for want of memory, crashed, or silent, in all of the time shown. "
                    "What they had counted stays in the totals.",
                    "short",
                    ((f"sum(increase({_BAD_ENDS}[$__range]))", ""),),
                    (growth(paths("server.process.exits.reason-{signal,lost}"), "ended"),),
                    warn=1,
                    bad=10,
                    total=True,
                ),
                Panel(
                    "Numbers refused",
                    "Of series that are too many, or that processes declare differently: entries "
                    "in a second.",
                    "cps",
                    ((f"sum({rate('sampler_relay_entries_refused_total')})", ""),),
                    (named(per_second("sampler.relay.entries.refused"), "refused"),),
                    warn=0.001,
                    bad=10,
                ),
            ),
            numbers=True,
        ),
        Row(
            "Processes",
            (
                Panel(
                    "Processes that report, by server",
                    "A saw is a server whose workers are recycled, or die.",
                    "short",
                    ((of("server_process_current"), "{{job}} {{instance}}"),),
                    (f"aliasByNode({paths('server.process.count')},0,1)",),
                ),
                Panel(
                    "Ends and starts",
                    "Processes, in each step of the picture.",
                    "short",
                    (
                        (
                            f"sum by (reason) (increase({of(_ENDS)}[$__rate_interval]))",
                            "{{reason}}",
                        ),
                        (f"sum(increase({_STARTS}[$__rate_interval]))", "start"),
                    ),
                    (
                        *(
                            growth(paths(f"server.process.exits.reason-{reason}"), reason)
                            for reason in ("exit", "signal", "lost")
                        ),
                        growth(paths("server.process.starts"), "start"),
                    ),
                ),
            ),
        ),
        Row(
            "Numbers",
            (
                Panel(
                    "Received from processes",
                    "Entries in a second. It falls with processes, and with what they publish.",
                    "cps",
                    ((f"sum({rate('sampler_relay_entries_received_total')})", "received"),),
                    (named(per_second("sampler.relay.entries.received"), "received"),),
                ),
                Panel(
                    "Delivered, by adapter",
                    "Entries in a second; relay is what processes gave to the relay.",
                    "cps",
                    (
                        (
                            f"sum by (adapter) ({rate('sampler_entries_delivered_total')})",
                            "{{adapter}}",
                        ),
                    ),
                    (by_label(per_second(_DELIVERED), 6),),
                ),
            ),
        ),
    ),
)
