"""The scenarios, and what is promised in each; tests are marked with their numbers.

Unless a promise says otherwise, a test ends with the law, read from our own counters, and with
``delivered <= distinct entries received <= delivered + unconfirmed`` at the endpoint. StatsD's
increases are sent at most once: of what may have left before a fault, "everything arrives" reads
"nothing counts twice, and what is missing was called unconfirmed".
"""

from __future__ import annotations

from typing import NamedTuple


class Scenario(NamedTuple):
    """One fault.

    Attributes:
        title: what happens.
        promise: what holds nevertheless.
    """

    title: str
    promise: str


SCENARIOS = {
    1: Scenario(
        "endpoint refuses for a minute",
        "everything arrives exactly once, beginning at most one pause after it is back",
    ),
    2: Scenario(
        "endpoint answers no SYN",
        "as 1; an attempt ends within 5 s; the application's thread never waits",
    ),
    3: Scenario("connection half open", "everything arrives; what comes twice is equal"),
    4: Scenario(
        "reset after n bytes, for every n of a batch",
        "exact for each n; no torn and no foreign sample",
    ),
    5: Scenario("receiver stops reading", "as 1; at most one socket a destination"),
    6: Scenario(
        "name server is dead",
        "the last good address serves; at most one thread waits; the program ends within 0.5 s",
    ),
    7: Scenario(
        "outage longer than the buffer",
        "memory is bounded; the oldest go; the count of drops is what is missing",
    ),
    8: Scenario("one destination down, another up", "the other is as punctual and as complete"),
    9: Scenario("HTTP 500, 429 with Retry-After, 204", "one delivery; the pauses asked for"),
    10: Scenario(
        "HTTP 400 for one poisoned sample of 1,000",
        "999 arrive, one is counted; at most 2 log2(1000) + 1 requests",
    ),
    11: Scenario("redirect to another host", "it gets no request and no credentials"),
    12: Scenario(
        "endless, dripping, garbled, huge reply",
        "an attempt ends at its deadline; no memory is taken",
    ),
    13: Scenario("TLS: expired, wrong name", "no byte of payload; one line of log"),
    14: Scenario("a fifth of all packets lost", "everything arrives"),
    15: Scenario("samplers raise, yield rubbish", "all others exact; errors counted exactly"),
    16: Scenario(
        "sampler hangs for ever",
        "others keep their cadence within 10 %; one thread more; the program ends in time",
    ),
    17: Scenario(
        "many samplers hang, and one spins",
        "at most 16 threads are given up to those that never answered, one to each that did; "
        "the rest is reported; the spinning one is ended",
    ),
    18: Scenario("sampler never stops yielding", "the pull ends; memory bounded; counted"),
    19: Scenario("a million label sets", "memory bounded; the surplus counted; old series exact"),
    20: Scenario("sampler slower than the interval", "no overlap, no burst; skips counted"),
    21: Scenario(
        "samplers register, unregister and collect inside a pull", "no deadlock; a model agrees"
    ),
    22: Scenario(
        "hostile names, labels and values",
        "n in is n read by the real receiver, and no foreign name",
    ),
    23: Scenario(
        "wall clock an hour back, a day forward",
        "as many ticks; no sample stamped more than an interval off",
    ),
    24: Scenario("process stopped for five intervals", "at most one tick to catch up"),
    25: Scenario(
        "200 forks under load",
        "no hang; the parent exact; children deliver their own, and nothing of the parent's",
    ),
    26: Scenario(
        "exec, and SIGKILL a hundred times, with a spool",
        "loss at most what was not yet synced; always starts, within 1 s",
    ),
    27: Scenario(
        "SIGTERM, endpoint up or black hole",
        "up: everything delivered, exit 0; hole: ends in time, the loss is counted",
    ),
    28: Scenario(
        "normal exit, endpoint up or black hole",
        "the last batch delivered, or the end in flush_timeout and one line on what was dropped",
    ),
    29: Scenario("storm of signals and of collections that count", "no hang; the sum is exact"),
    30: Scenario("8 threads, a million increments each, with pulls", "the sum is exact"),
    31: Scenario(
        "10,000 samples encoded beside a thread that does I/O",
        "its 99th percentile grows by at most 3 ms",
    ),
    32: Scenario(
        "disk full, read-only, failing", "never raises; goes on in memory; heals by itself"
    ),
    33: Scenario(
        "spool: every byte flipped, every truncation",
        "always starts; every intact record delivered; no wrong sample",
    ),
    34: Scenario("two agents, one spool", "the second goes on without, and says so"),
    35: Scenario(
        "1,000 slow clients at the page",
        "a normal scrape within 1 s; threads bounded; idle clients closed",
    ),
    36: Scenario(
        "1,000 scrapes at once of a sampler of 100 ms",
        "they share pulls; every answer is complete or 503",
    ),
    37: Scenario(
        "hostile paths, methods, headers of 10 MiB", "404, 405, 431; no file opened; no memory"
    ),
    38: Scenario("nothing configured", "listens on 127.0.0.1 only"),
    39: Scenario(
        "a secret in the configuration",
        "it is in no output, log, error, repr, traceback or spool",
    ),
    40: Scenario("an outage of 24 hours", "at most 30 lines of log; memory flat"),
    41: Scenario(
        "ten minutes at 10,000 samples a second, a random fault every 5 s",
        "the law holds exactly; descriptors, threads and memory flat",
    ),
    42: Scenario(
        "any bytes of a client at the page, in any order of sending, waiting and leaving",
        "no thread ends or stalls, and the next scrape is answered; whatever call of the "
        "page's loops raises, the page is there again",
    ),
    43: Scenario(
        "any bytes of a gateway's answer",
        "an outcome within the deadline, bounded memory, one printable line",
    ),
    44: Scenario(
        "foreign text made to be slow to read",
        "of a text twice as long no pattern and no parser takes more than three times as long",
    ),
    45: Scenario(
        "a hundred readers that take their time over a page",
        "memory of the process and of the kernel is bounded; whoever asks gets young numbers",
    ),
    46: Scenario(
        "a request that names another host",
        "421, also for a name that was bound to this address; addresses, localhost, this "
        "host and `hosts` are answered",
    ),
    47: Scenario(
        "a log handler or filter that raises, hangs or logs",
        "it costs its record; no tick, send, page, stop or end of the process waits for it",
    ),
    48: Scenario(
        "each call that a thread's loop makes raises, in turn",
        "the thread goes on or is told by `alive()`; pulls, deliveries and scrapes go on; "
        "the law holds",
    ),
    49: Scenario(
        "a sampler, an encoder, a sender, a page or a log handler forks",
        "the child has no agent and delivers nothing; the parent is exact; what cannot be "
        "known ends after four generations",
    ),
    50: Scenario(
        "two processes, one identity: other user, other folders, sub-interpreters, forks, "
        "restarts",
        "each identity has one owner; a second one has another name and says so",
    ),
    51: Scenario(
        "nothing is writable: read-only root and /tmp, no byte, no home",
        "starts, checks, delivers; a spool says once that it is in memory only",
    ),
    52: Scenario(
        "label values without number on an instrument",
        "totals stay exact, the surplus under `overflow`; a gauge's is refused and counted; "
        "no neighbour is cut; memory flat",
    ),
    53: Scenario(
        "start, reload and stop are interrupted, or called by signal handlers",
        "no deadlock, no recursion; what was interrupted leaves no thread, port or identity; "
        "a second signal shortens the flush",
    ),
    54: Scenario(
        "the page's port is taken",
        "the application goes on, the log names who has it, the page is there once it is "
        "free; the command refuses it",
    ),
    55: Scenario(
        "stop while an endpoint is away",
        "it is tried again within the time; what is dropped is said with its reason and returned",
    ),
    56: Scenario(
        "any bytes as configuration, any file",
        "one line for each problem and exit 78; nothing is waited for, nothing read without end",
    ),
    57: Scenario(
        "texts whose marks should collide",
        "marks have 128 bits: two series are two paths, whatever their labels are",
    ),
    58: Scenario(
        "a value whose conversion raises anything",
        "it costs its sample; the sampler's other samples and its neighbours stay",
    ),
    59: Scenario(
        "gevent and eventlet, before, between and late",
        "the agent ticks while a greenlet computes; page and real servers have every number",
    ),
    60: Scenario(
        "a program closes descriptors that are ours",
        "nothing is raised into it, and `alive()` tells the truth",
    ),
    61: Scenario(
        "foreign files in a spool's folder, and foreign locks",
        "what waits is found again in every life; what is not ours stays",
    ),
    62: Scenario(
        "names in any bytes: program, host, variable, file, adapter",
        "check and start agree; every entry delivered; one printable line",
    ),
    63: Scenario(
        "a million series",
        "encoding has the time that the interval leaves, or `encode_timeout`; each adapter "
        "its own",
    ),
}
