"""The dashboard of agents themselves: what they lose, what fails, how they keep up."""

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

_DROPPED, _P_DROPPED = "sampler_entries_dropped_total", "sampler.entries.dropped.*.*"
_WANTED = 'reason!="superseded"'
"""A newer snapshot that took an older one's place is no loss."""
_FAILED, _P_FAILED = "sampler_pulls_failed_total", "sampler.pulls.failed.*.*.*"
_REFUSED, _P_REFUSED = "sampler_samples_refused_total", "sampler.samples.refused.*.*.*"


def _increase(metric: str, *matchers: str) -> tuple[tuple[str, str], ...]:
    return ((f"sum(increase({of(metric, *matchers)}[$__range]))", ""),)


def _growth(target: str, name: str) -> tuple[str, ...]:
    return (growth(target, name),)


def _each(target: str, *nodes: int) -> str:
    """Return a target's series, called by the labels at these nodes."""
    at = ",".join(map(str, nodes))
    return rf"aliasSub(aliasByNode({target},{at}),'[a-z_]+-([^.]+)\.?','\1 ')"


def _moving(target: str) -> str:
    return f"removeBelowValue({target},0.000001)"


_TROUBLE = (
    Panel(
        "Entries dropped",
        "Numbers that never arrive, in all of the time shown. The next row says whose, and why.",
        "short",
        _increase(_DROPPED, _WANTED),
        _growth(f"exclude({paths(_P_DROPPED)},'superseded')", "dropped"),
        warn=1,
        bad=1000,
        total=True,
    ),
    Panel(
        "Pulls failed",
        "Of samplers that raise, hang or pause, in all of the time shown.",
        "short",
        _increase(_FAILED),
        _growth(paths(_P_FAILED), "failed"),
        warn=1,
        bad=100,
        total=True,
    ),
    Panel(
        "Samples refused",
        "What a sampler yielded that is no sample, in all of the time shown.",
        "short",
        _increase(_REFUSED),
        _growth(paths(_P_REFUSED), "refused"),
        warn=1,
        bad=1000,
        total=True,
    ),
    Panel(
        "Threads lost to samplers that hang",
        "Each holds a thread until its process ends.",
        "short",
        ((f"sum({of('sampler_threads_abandoned')})", ""),),
        (named(paths("sampler.threads.abandoned"), "lost"),),
        warn=1,
        bad=8,
    ),
    Panel(
        "Rounds begin late by",
        "The latest round of pulls: a host or an interpreter that is too busy.",
        "s",
        ((f"max({of('sampler_tick_lag_seconds')})", ""),),
        (f"alias(maxSeries({paths('sampler.tick.lag.*')}),'late')",),
        warn=0.5,
        bad=5,
    ),
    Panel(
        "Rounds left out",
        "One was still running when the next was due, in all of the time shown.",
        "short",
        _increase("sampler_ticks_skipped_total"),
        _growth(paths("sampler.ticks.skipped.*"), "left out"),
        warn=1,
        bad=10,
        total=True,
    ),
)
_DELIVERY = (
    Panel(
        "Dropped, by adapter and reason",
        "Entries in a second; sampler explain REASON says what each reason means.",
        "cps",
        (
            (
                f"sum by (adapter, reason) ({rate(_DROPPED, _WANTED)}) > 0",
                "{{adapter}}: {{reason}}",
            ),
        ),
        (_each(_moving(f"exclude({per_second(_P_DROPPED)},'superseded')"), 6, 7),),
    ),
    Panel(
        "Delivered, by adapter",
        "Entries in a second whose arrival was confirmed; of UDP none ever is.",
        "cps",
        (
            (f"sum by (adapter) ({rate('sampler_entries_delivered_total')})", "{{adapter}}"),
            (
                f"sum by (adapter) ({rate('sampler_entries_unconfirmed_total')}) > 0",
                "{{adapter}}, unconfirmed",
            ),
        ),
        (
            by_label(per_second("sampler.entries.delivered.*"), 6),
            "aliasSub("
            + by_label(per_second("sampler.entries.unconfirmed.*"), 6)
            + ",'$',', unconfirmed')",
        ),
    ),
    Panel(
        "Waiting, by adapter",
        "Entries. What rises and does not fall waits for an endpoint that is away.",
        "short",
        ((f"sum by (adapter) ({of('sampler_entries_queued')})", "{{adapter}}"),),
        (by_label(paths("sampler.entries.queued.*"), 6),),
    ),
    Panel(
        "Room taken",
        "By what waits: in memory (outbox, 8 MiB unless set) and on disk (spool).",
        "bytes",
        (
            (f"sum by (adapter) ({of('sampler_outbox_size_bytes')})", "{{adapter}}, memory"),
            (f"sum by (adapter) ({of('sampler_spool_size_bytes')})", "{{adapter}}, disk"),
        ),
        (
            f"aliasSub({by_label(paths('sampler.outbox.size.*'), 6)},'$',', memory')",
            f"aliasSub({by_label(paths('sampler.spool.size.*'), 6)},'$',', disk')",
        ),
    ),
)
_SAMPLERS = (
    Panel(
        "Pulls failed, by sampler and reason",
        "In a second. parked: it failed before, and is asked more rarely.",
        "cps",
        (
            (
                f"sum by (sampler, reason) ({rate(_FAILED)}) > 0",
                "{{sampler}}: {{reason}}",
            ),
        ),
        (_each(_moving(per_second(_P_FAILED)), 7, 8),),
    ),
    Panel(
        "Samples refused, by sampler and reason",
        "In a second; sampler validate shows each with its remedy.",
        "cps",
        (
            (
                f"sum by (sampler, reason) ({rate(_REFUSED)}) > 0",
                "{{sampler}}: {{reason}}",
            ),
        ),
        (_each(_moving(per_second(_P_REFUSED)), 7, 8),),
    ),
    Panel(
        "Slowest samplers",
        "Time of the last pull. A deadline ends one that takes longer (5 s at most).",
        "s",
        (
            (
                f"topk(8, max by (sampler) ({of('sampler_pull_duration_seconds')}))",
                "{{sampler}}",
            ),
        ),
        (_each(f"highestMax({paths('sampler.pull.duration.*.*')},8)", 6, 7),),
    ),
    Panel(
        "Samples",
        "Numbers that samplers have yielded in a second: what most of the cost goes by.",
        "cps",
        (
            (
                f"topk(8, sum by (sampler) ({rate('sampler_samples_yielded_total')}))",
                "{{sampler}}",
            ),
        ),
        (_each(f"highestMax({per_second('sampler.samples.yielded.*.*')},8)", 6, 7),),
    ),
)
_ITSELF = (
    Panel(
        "How late rounds begin",
        "By consumer: one for each interval.",
        "s",
        ((f"max by (consumer) ({of('sampler_tick_lag_seconds')})", "{{consumer}}"),),
        (_each(paths("sampler.tick.lag.*"), 2, 6),),
    ),
    Panel(
        "Threads of agents",
        "Of all processes that are chosen.",
        "short",
        ((f"sum({of('sampler_threads')})", "threads"),),
        (named(paths("sampler.threads"), "threads"),),
    ),
    Panel(
        "Log records lost",
        "Records of agents that no handler has taken in time: in a second.",
        "cps",
        ((f"sum({rate('sampler_log_lost_total')})", "lost"),),
        (named(per_second("sampler.log.lost"), "lost"),),
    ),
)

AGENT = Page(
    "agent",
    "sampler: agents themselves",
    "What agents collect, deliver and lose, and how they keep up.",
    "sampler_threads",
    (
        Row("Trouble", _TROUBLE, numbers=True),
        Row("Delivery", _DELIVERY),
        Row("Samplers", _SAMPLERS),
        Row("Agents", _ITSELF),
    ),
)
