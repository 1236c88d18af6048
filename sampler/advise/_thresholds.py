"""Where one verdict ends and another begins.

They were set after seeing the runs that docs/advise.md names, so those runs prove nothing of them.
"""

from __future__ import annotations

FEW_REQUESTS = 30
"""Requests below which nothing is said of their mean."""
STAMPED = 0.9
"""Share of requests with a proxy's stamp from which on theirs is everybody's waiting."""
WAITING = 0.01
"""Seconds of waiting below which there is no overload."""
WAITING_LONG = 0.1
"""Seconds of waiting that are an overload, however long requests take."""
WAITING_SHARE = 0.25
"""Waiting, as a share of a request's time, from which on it is an overload."""
GROWTH = 0.02
"""Seconds a second by which waiting grows where more comes than is served."""
GROWTH_RATIO = 1.25
"""The second half's waiting to the first half's, from which on it grows."""
HOST_FULL = 0.9
"""Share of the host's CPUs in use from which on it is full."""
OTHERS = 0.1
"""Share of a full host's CPUs that others use, from which on they may be the cause."""
THROTTLED = 0.05
"""Share of the time in which the CPU limit stops the processes, from which on it counts."""
CORE_FULL = 0.7
"""CPUs of one process from which on it is CPU-bound; what a process is planned for, too."""
CORE_IDLE = 0.5
"""CPUs of one process below which the interpreter is no limit."""
SERVING = 0.5
"""Share of the processes' CPU time in threads that serve, below which others use it."""
COMPUTES, WAITS = 0.7, 0.3
"""CPU's share of the time of requests: from here on they compute, below here they wait."""
THREADS_FULL = 0.75
"""Utilisation of threads from which on they are full; what threads are planned for, too."""
LONG, LONG_RATIO = 0.5, 2.0
"""Age of the oldest request, in seconds and to a request's time, from which on long ones hold."""
WAKEUP = 0.005
"""Seconds of delay of a thread that wakes: the switch interval of the interpreter."""
SLOW = 0.05
"""Share of requests beyond [web] slow, from which on there are long ones."""
BACKLOG_FULL = 0.5
"""Share of a backlog from which on it fills."""
FUNNEL = 1.5
"""Requests in the tier in front to threads behind it, from which on they are a funnel."""
HEADS = 2.0
"""Clients whose head nginx waits for, from which on heads come slowly."""
SLOW_CLIENTS = 0.25
"""Share of requests' time in which bodies are waited for, from which on clients are slow."""
GAVE_UP = 0.01
"""Share of requests whose clients have left, from which on it is said."""
CONNECTING = 0.1
"""Share of requests' time that connecting to a database takes, from which on it is said."""
DATABASE = 0.5
"""Share of requests' time with a connection in use, from which on the database is looked at."""
FIRST_RATIO, FIRST = 3.0, 0.05
"""The first request to a request's time, and its seconds, from which on something loads lazily."""
MEMORY_LEFT = 0.1
"""Share of the memory that is left when it is said to be full."""
