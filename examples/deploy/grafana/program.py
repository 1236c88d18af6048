"""The dashboard of a program and its host: the built-in samplers."""

from __future__ import annotations

from examples.deploy.grafana.panels import (
    Page,
    Panel,
    Row,
    by_label,
    growth,
    highest,
    highest_of,
    named,
    of,
    paths,
    per_second,
    quantile,
    quantiles,
    rate,
    share,
)

_CPU, _P_CPU = "system_cpu_time_seconds_total", "system.cpu.time"
_MODES = ("user", "nice", "system", "interrupt", "steal")
_WORKING = rate(_CPU, f'cpu_mode=~"{"|".join(_MODES)}"')
_P_WORKING = per_second(f"{_P_CPU}.cpu__mode-{{{','.join(_MODES)}}}")
_LENGTH = of("listener_backlog_length")
_LIMITED = "in a container or a unit with limits"


def _rates(metric: str, label: str) -> tuple[tuple[str, str], ...]:
    return ((f"sum by ({label}) ({rate(metric)})", f"{{{{{label}}}}}"),)


def _gauges(*metrics: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((f"sum({of(metric)})", name) for metric, name in metrics)


_TROUBLE = (
    Panel(
        "CPU of the host in use",
        "Share of all CPUs that do something, for whatever process.",
        "percentunit",
        ((f"sum({_WORKING}) / sum({rate(_CPU)})", ""),),
        (share(_P_WORKING, per_second(f"{_P_CPU}.*"), "in use"),),
        warn=0.8,
        bad=0.95,
    ),
    Panel(
        "Memory of the host left",
        "What can be had without swapping; of several hosts, the least.",
        "percentunit",
        ((f"min({of('system_memory_available_bytes')} / {of('system_memory_limit_bytes')})", ""),),
        (share(paths("system.memory.available"), paths("system.memory.limit"), "left"),),
        warn=0.1,
        bad=0.05,
        low=True,
    ),
    Panel(
        "Event loop late, p95",
        "How late its callbacks run. What blocks it holds up every request.",
        "s",
        ((quantile(0.95, "asyncio_lag_seconds"), ""),),
        (highest_of("asyncio.lag", "p95"),),
        warn=0.1,
        bad=0.5,
    ),
    Panel(
        "Threads late, p95",
        "How late a thread of Python wakes: it waits for others that compute, or for a CPU.",
        "s",
        ((quantile(0.95, "cpython_wakeup_delay_seconds"), ""),),
        (highest_of("cpython.wakeup.delay", "p95"),),
        warn=0.05,
        bad=0.2,
    ),
    Panel(
        "Errors logged",
        "Log records at error and critical, in all of the time shown.",
        "short",
        (
            (
                "sum(increase("
                + of("logging_records_total", 'level=~"error|critical"')
                + "[$__range]))",
                "",
            ),
        ),
        (growth(paths("logging.records.level-{error,critical}"), "errors"),),
        warn=1,
        bad=100,
        total=True,
    ),
    Panel(
        "Connections dropped",
        "By full backlogs of this program's listening sockets, in all of the time shown.",
        "short",
        ((f"sum(increase({of('listener_drops_total')}[$__range]))", ""),),
        (growth(paths("listener.drops.*"), "dropped"),),
        warn=1,
        bad=10,
        total=True,
    ),
)
_PROCESS = (
    Panel(
        "CPUs that the program uses",
        "All of its processes: 1 is one core, all of the time.",
        "short",
        _rates("process_cpu_time_seconds_total", "cpu_mode"),
        (by_label(per_second("process.cpu.time.cpu__mode-*"), 6),),
        stacked=True,
    ),
    Panel(
        "Memory of the program",
        "In use; of that without what processes share (proportional, and unique).",
        "bytes",
        _gauges(
            ("process_memory_usage_bytes", "in use"),
            ("memory_pss_bytes", "proportional"),
            ("memory_unique_bytes", "unique"),
        ),
        (
            named(paths("process.memory.usage"), "in use"),
            named(paths("memory.pss"), "proportional"),
            named(paths("memory.unique"), "unique"),
        ),
    ),
    Panel(
        "Threads and open files",
        "What only grows is a leak.",
        "short",
        _gauges(
            ("process_thread_current", "threads"),
            ("cpython_thread_current", "threads of Python"),
            ("process_unix_file_descriptor_current", "open files"),
        ),
        (
            named(paths("process.thread.count"), "threads"),
            named(paths("cpython.thread.count"), "threads of Python"),
            named(paths("process.unix.file_descriptor.count"), "open files"),
        ),
    ),
    Panel(
        "Age of processes",
        "A line that falls is a restart.",
        "dtdurations",
        ((of("process_uptime_seconds"), "{{instance}} {{process}}{{worker}}"),),
        (f"aliasByNode({paths('process.uptime', 'process.uptime.*')},1,2,5)",),
    ),
    Panel(
        "Context switches",
        "Involuntary ones: it would go on, and others want its CPU.",
        "cps",
        _rates("process_context_switches_total", "process_context_switch_type"),
        (by_label(per_second("process.context_switches.*"), 5),),
    ),
)
_INTERPRETER = (
    Panel(
        "How late threads wake",
        "Beyond the switch interval (5 ms) something holds the interpreter.",
        "s",
        quantiles("cpython_wakeup_delay_seconds"),
        highest("cpython.wakeup.delay"),
    ),
    Panel(
        "How late the event loop is",
        "How late callbacks run, and for how long the loop has been stuck now.",
        "s",
        (*quantiles("asyncio_lag_seconds"), (f"max({of('asyncio_overdue_seconds')})", "stuck")),
        (*highest("asyncio.lag"), f"alias(maxSeries({paths('asyncio.overdue.*')}),'stuck')"),
    ),
    Panel(
        "Tasks of event loops",
        "What only grows is work that never ends.",
        "short",
        ((f"sum by (loop) ({of('asyncio_tasks')})", "{{loop}}"),),
        (by_label(paths("asyncio.tasks.*"), 5),),
    ),
    Panel(
        "Time in garbage collection",
        "Share of a core, by generation.",
        "percentunit",
        _rates("cpython_gc_pause_seconds_sum", "cpython_gc_generation"),
        (by_label(per_second("cpython.gc.pause.sum.*"), 7),),
    ),
)
_HOST = (
    Panel(
        "CPUs, by what they do",
        "Steal: another guest of the machine has them. Waiting for disks (iowait) is idle.",
        "short",
        _rates(_CPU, "cpu_mode"),
        (by_label(per_second(f"{_P_CPU}.*"), 6),),
        stacked=True,
    ),
    Panel(
        "Load, and CPUs for it",
        "Processes that run or want to. Of several hosts, the highest.",
        "short",
        (
            (f"max by (window) ({of('system_cpu_load_average')})", "{{window}}"),
            (f"max({of('system_cpu_logical_current')})", "CPUs"),
        ),
        (
            f"aliasSub(aliasByNode({paths('system.cpu.load_average.*')},6),'^window-','')",
            f"alias(maxSeries({paths('system.cpu.logical.count')}),'CPUs')",
        ),
    ),
    Panel(
        "Memory, by state",
        "Of all hosts together.",
        "bytes",
        (
            (
                f"sum by (system_memory_state) ({of('system_memory_usage_bytes')})",
                "{{system_memory_state}}",
            ),
        ),
        (by_label(paths("system.memory.usage.*"), 6),),
        stacked=True,
    ),
    Panel(
        "Disks and swap",
        "Bytes in a second. A host that swaps is short of memory.",
        "Bps",
        (
            *(
                (query, f"disk, {legend}")
                for query, legend in _rates("system_disk_io_bytes_total", "disk_io_direction")
            ),
            (f"sum({rate('system_paging_io_bytes_total')})", "swap"),
        ),
        (
            f"aliasSub({by_label(per_second('system.disk.io.*'), 6)},'^','disk, ')",
            named(per_second("system.paging.io.*"), "swap"),
        ),
    ),
    Panel(
        "Network",
        "Bytes in a second, all interfaces together.",
        "Bps",
        _rates("system_network_io_bytes_total", "network_io_direction"),
        (by_label(per_second("system.network.io.*"), 6),),
    ),
    Panel(
        "Backlogs, full to",
        "Connections that no thread has accepted, to the most that may wait: at 100 % others are "
        "dropped.",
        "percentunit",
        (
            (
                f"max by (address) ({_LENGTH} / {of('listener_backlog_limit')})",
                "{{address}}",
            ),
        ),
        (share(paths("listener.backlog.length.*"), paths("listener.backlog.limit.*"), "all"),),
    ),
)
_LIMITS = (
    Panel(
        "Time stopped by the CPU limit",
        "Share of a core that the program wanted and did not get.",
        "percentunit",
        ((f"sum({rate('system_cgroup_cpu_throttled_time_seconds_total')})", "stopped"),),
        (named(per_second("system.cgroup.cpu.throttled.time"), "stopped"),),
        only=_LIMITED,
    ),
    Panel(
        "Memory, and its limit",
        "At the limit the kernel kills a process.",
        "bytes",
        _gauges(
            ("system_cgroup_memory_usage_bytes", "in use"),
            ("system_cgroup_memory_limit_bytes", "limit"),
        ),
        (
            named(paths("system.cgroup.memory.usage"), "in use"),
            named(paths("system.cgroup.memory.limit"), "limit"),
        ),
        only=_LIMITED,
    ),
)

PROGRAM = Page(
    "program",
    "sampler: program and host",
    "What built-in samplers tell: process, cpython, asyncio, memory, listener, logging, system.",
    "process_uptime_seconds",
    (
        Row("Trouble", _TROUBLE, numbers=True),
        Row("The program", _PROCESS),
        Row("The interpreter", _INTERPRETER),
        Row("The host", _HOST),
        Row("Limits", _LIMITS),
    ),
)
