# ruff: noqa: E501, ISC004, Q003 - texts of other files
"""Forty defects of consumers, each a small patch of code that was written from the draft.

A defect names the clause that it breaks, the host that is spoiled (``one`` and ``two`` of
``tests/pep/independent/``, or ``draft``: the code of "A Whole Implementation"), what the spoiled
code does, and its patches: a text of the host's source, and what takes its place.
``tests/pep/hosts.py`` applies them; ``tests/pep/test_defects.py`` demands that the kit finds them.

The list was committed before the kit was changed for it. The kit of the first draft found 12 under
their clause, two more under another (C-09 skipped, C-16 later series), and missed 26. Since then
only the texts that patches replace have changed, with the hosts.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Defect:
    """One deliberate breach of one clause."""

    clause: str
    host: str
    what: str
    patches: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"{self.clause}-{self.what.replace(' ', '-')}"


def _defect(clause: str, host: str, what: str, *patches: tuple[str, str]) -> Defect:
    return Defect(clause, host, what, patches)


DEFECTS = [
    _defect(
        "C-01", "one", "does not pull when it begins",
        ("self.alive.add(self)\n        self.pull()", "self.alive.add(self)"),
    ),
    _defect(
        "C-02", "one", "hands out its own environ",
        ("self.factory(dict(self.environ, settings=dict(self.settings)))",
         "self.factory(self.environ)"),
    ),
    _defect(
        "C-02", "one", "calls a factory again that returned late",
        ("self.instance = check(made, callable(made))",
         "check('late', self.remaining())\n"
         "            self.instance = check(made, callable(made))"),
    ),
    _defect(
        "C-02", "two", "never calls a factory again that raised",
        ("if self.call is None:  ", "if self.call is None and not self.failures:  "),
    ),
    _defect(
        "C-03", "draft", "pulls while an earlier pull has not ended",
        ("if source.busy:", "if False:"),
    ),
    _defect(
        "C-03", "two", "shares instances with other consumers",
        ('made = self.read["factory"](dict(self.environ))',
         'made = MADE.get(self.read["factory"]) or self.read["factory"](dict(self.environ))\n'
         '            MADE[self.read["factory"]] = made'),
        ("class Refused", "MADE = {}\n\nclass Refused"),
    ),
    _defect(
        "C-04", "draft", "closes an instance whose call has not ended",
        ('if "factory" in source.sampler and not source.busy:', 'if "factory" in source.sampler:'),
    ),
    _defect(
        "C-04", "two", "does not close what was unregistered",
        ("self.end([key for key in self.sources if key not in live])",
         "[self.sources.pop(key) for key in [*self.sources] if key not in live]"),
    ),
    _defect(
        "C-05", "one", "takes a start that raises for an unknown one",
        ("self.start = number(start() if callable(start) else start)",
         "try:\n"
         "            self.start = number(start() if callable(start) else start)\n"
         "        except LookupError:\n"
         "            self.start, source.start = None, None"),
    ),
    _defect(
        "C-05", "two", "takes a start that is no number for an unknown one",
        ('return number(start() if callable(start := self.read.get("start")) else start)',
         "start = self.read.get('start')\n"
         "        start = start() if callable(start) else start\n"
         "        return start if isinstance(start, (int, float)) else None"),
    ),
    _defect(
        "C-05", "two", "keeps what was yielded before a sampler raised",
        ("for item in samples:                     # TypeError: S-13\n"
         "                read.add(item, self)",
         "samples = iter(samples)\n"
         "            while True:\n"
         "                try:\n"
         "                    item = next(samples, read)\n"
         "                except ValueError:\n"
         "                    break\n"
         "                if item is read:\n"
         "                    break\n"
         "                read.add(item, self)"),
    ),
    _defect(
        "C-06", "one", "waits for a close that hangs",
        ("[source.result(job) for source, job in ended if job]",
         "[job.result() for _, job in ended if job]"),
    ),
    _defect(
        "C-06", "one", "waits for a start that hangs",
        ("if self.lane and self.pause <= 0 and self.job.done():",
         "if self.lane and self.pause <= 0 and self.job.done():\n"
         "            try:\n"
         "                self.asked = self.start() if callable(self.start) else self.start\n"
         "            except Exception:\n"
         "                self.asked = 'failed'"),
        ("Read(self, self.start)", "Read(self, self.asked)"),
    ),
    _defect(
        "C-07", "two", "runs coroutines on a loop of its own",
        ('return run_on(self.read["loop"](), self.atake, end)',
         "return asyncio.run(self.atake(end))"),
    ),
    _defect(
        "C-07", "two", "runs them elsewhere when it is called on their loop",
        ('return run_on(self.read["loop"](), self.atake, end)',
         'loop = self.read["loop"]()\n'
         "            if loop is self.caller:\n"
         "                return asyncio.run(self.atake(end))\n"
         "            return run_on(loop, self.atake, end)"),
        ("self.pause -= 1   ",
         "self.caller = asyncio._get_running_loop()\n        self.pause -= 1   "),
    ),
    _defect(
        "C-08", "one", "holds a lock while it pulls",
        ("return self.round()", "with ROUND:\n                return self.round()"),
        ("class Consumer:", "ROUND = threading.RLock()\n\n\nclass Consumer:"),
    ),
    _defect(
        "C-08", "two", "holds a lock while a factory runs",
        ('made = self.read["factory"](dict(self.environ))',
         'with Shared.guard:\n'
         '                made = self.read["factory"](dict(self.environ))'),
    ),
    _defect(
        "C-09", "draft", "gives up for ever",
        ("if source.pause > 0:", "if source.failures >= 3:"),
    ),
    _defect(
        "C-09", "one", "counts a pull that it skipped for no failure",
        ("            else:\n                failed.add(source.name)",
         "            elif job:\n                failed.add(source.name)"),
    ),
    _defect(
        "C-10", "one", "reads for each consumer",
        ("self.shared if bare else self.read", "self.read"),
    ),
    _defect(
        "C-10", "two", "reads again while another reads",
        ("if read is None or read.done() and (", "if read is None or not read.done() or ("),
    ),
    _defect(
        "C-11", "draft", "fails at a kind that it does not know",
        ('return kind if kind in known else "gauge"',
         'return {None: "gauge", "gauge": "gauge", **dict(zip(known, known))}[kind]'),
    ),
    _defect(
        "C-12", "two", "takes the second sample of a series after a None",
        ('check(merge or not seen, "S-25")', 'check(merge or old is None, "S-25")'),
    ),
    _defect(
        "C-12", "one", "takes a full name of any length",
        ("check(full, len(full) <= 150)", "check(full, full)"),
    ),
    _defect(
        "C-12", "two", "does not count what it refuses",
        ("self.refused[getattr(error, \"clause\", type(error).__name__)] += 1", "pass"),
    ),
    _defect(
        "C-13", "two", "reads the samples once the pull is over",
        ("self.take(item, source)", "self.later.append((item, source))"),
        ("refused: Counter = field(default_factory=Counter)",
         "refused: Counter = field(default_factory=Counter)\n"
         "    later: list = field(default_factory=list)"),
        ("read, source.failures = job.result(), 0",
         "read, source.failures = job.result(), 0\n"
         "            for item in read.later:\n"
         "                try:\n"
         "                    read.take(*item)\n"
         "                except Exception as error:\n"
         "                    read.refused[str(error)] += 1\n"
         "            read.later = []"),
    ),
    _defect(
        "C-14", "one", "ends the series behind a cut",
        ("(dict(self.base), dict(self.born)) if read.cut else ({}, {})", "{}, {}"),
    ),
    _defect(
        "C-14", "one", "does not count a cut",
        ('read.cut, read.refused["limit"] = True, 1', "read.cut = True"),
    ),
    _defect(
        "C-15", "two", "ends series at a failed pull",
        ("failed.add(source.name)\n                if job",
         "failed.add(source.name)\n                source.places = source.places and {}\n"
         "                if job"),
    ),
    _defect(
        "C-15", "one", "ends a series whose value was refused",
        ("old = self.values.setdefault(key, None)", "old = self.values.get(key)"),
    ),
    _defect(
        "C-16", "draft", "counts whole what was registered later with an older start",
        ("whole = late and start is None", "whole = late"),
    ),
    _defect(
        "C-16", "draft", "takes a later series for a baseline if its start is older",
        ("last, whole = None, key not in source.others",
         "last, whole = None, (\n"
         "                    key not in source.others and (start or self.began) >= self.began)"),
    ),
    _defect(
        "C-16", "draft", "counts whole whatever has a start",
        ("elif not whole and (start or 0) < self.began:", "elif not whole and start is None:"),
    ),
    _defect(
        "C-17", "two", "forgets a series without a value when all restart",
        ("(None, True) if restart else olds.get",
         "(None, True) if restart and value is not None else olds.get"),
    ),
    _defect(
        "C-17", "one", "does not see a bucket that fell",
        ("if rises(count, buckets) else new", "if count >= 0 else new"),
    ),
    _defect(
        "C-17", "two", "takes a falling sum for a restart",
        ("if counts == sorted(counts) else None",
         "if counts == sorted(counts) and (total or 0) >= 0 else None"),
    ),
    _defect(
        "C-18", "one", "divides by the time between its pulls",
        ("taken, self.failures, self.known = read.taken", "taken, self.failures, self.known = time.monotonic()"),
    ),
    _defect(
        "C-19", "one", "keeps its parent's instances",
        ("            consumer.begin()\n",
         "            consumer.kept = consumer.sources\n            consumer.begin()\n"),
        ("        with self.lock:\n            check(\"closed\", not self.closed)\n            gone",
         "        for key, source in made.items():\n"
         "            source.instance = getattr(\n"
         "                getattr(self, 'kept', {}).get(key), 'instance', None)\n"
         "        with self.lock:\n            check(\"closed\", not self.closed)\n            gone"),
    ),
    _defect(
        "C-20", "draft", "takes a bound that is absent for 0",
        ("return below if below == cumulative else None", "return 0"),
        ("return below if below == count else None", "return 0"),
    ),
    _defect(
        "R-07", "one", "calls once more what was unregistered",
        ("        ended = [(source, source.end()) for source in gone if source.lane]  # R-07",
         "        [source.result(job) for source in gone if (job := source.ask())]\n"
         "        ended = [(source, source.end()) for source in gone if source.lane]  # R-07"),
    ),
]  # fmt: skip
"""The defects; at most three a clause, and one at least for each of C-01 to C-20."""

SECOND = [
    _defect(
        "S-08", "one", "takes the kind of a later description",
        ("(self.source.known.get(full) or",
         "(told and described(told) or self.source.known.get(full) or"),
        ("{**read.known, **self.known}", "{**self.known, **read.known}"),
    ),
    _defect(
        "S-08", "two", "takes what the mapping does not describe for a gauge",
        ("known or described(told)", "known or described(None)"),
    ),
    _defect(
        "C-12", "one", "takes a sample whose description is none",
        ("or described(told))", "or described(told if isinstance(told, Mapping) else None))"),
    ),
    _defect(
        "S-25", "two", "takes the last value of a gauge with merge",
        ("lambda a, b: a + b", "lambda a, b: b"),
    ),
    _defect(
        "S-25", "one", "lets a None among combined values stand",
        ("self.values[key] = old if plain is None else plain", "self.values[key] = plain"),
    ),
    _defect(
        "S-10", "one", "asks for the start only once",
        ("        read.end(self.start)\n", ""),
    ),
    _defect(
        "C-15", "one", "lets a series begin with its first value",
        ("            born[key] = restart or",
         "            if value is not None or key in self.born:\n"
         "                born[key] = restart or"),
    ),
    _defect(
        "C-15", "two", "takes a series that began with None for a baseline",
        ("self.places[key] = old if value is None else value, whole",
         "self.places[key] = old if value is None else value, (\n"
         "                whole and value is not None)"),
    ),
    _defect(
        "C-12", "two", "gives a series to another sampler while its owner fails",
        ("del self.owners[key]", "self.owners.pop(key, None)"),
        ("sources = self.follow(failed)", "self.owners, sources = {}, self.follow(failed)"),
    ),
    _defect(
        "C-12", "one", "takes a series from two samplers",
        ("if any(key in each.born for each in others):", "if False:"),
    ),
    _defect(
        "C-02", "two", "says nothing of settings",
        ('{**environ, "settings": environ["settings"].get(self.name, {})}',
         '{k: v for k, v in environ.items() if k != "settings"}'),
    ),
    _defect(
        "C-02", "one", "tells each factory the settings of all",
        ('self.environ["settings"].get(self.name, {})', 'self.environ["settings"]'),
    ),
    _defect(
        "C-09", "one", "pauses what failed for another consumer",
        ("    kept, kept_lock =",
         "    pauses = {}\n"
         "    pause = property(lambda self: Source.pauses.get(id(self.mapping), 0),\n"
         "                     lambda self, n: Source.pauses.update({id(self.mapping): n}))\n"
         "    kept, kept_lock ="),
    ),
    _defect(
        "C-10", "one", "takes its own time for that of a shared read",
        ('read.taken = getattr(samples, "time", read.taken)', "pass"),
    ),
    _defect(
        "C-16", "one", "counts whole what it finds when it begins",
        ("first = value if known or born[key]",
         "first = value if known or born[key] or not consumer.pulled"),
    ),
    _defect(
        "C-16", "one", "takes a registration that it sees late for a new one",
        ('mapping.time > self.began if hasattr(mapping, "time") else self.pulled', "self.pulled"),
    ),
    _defect(
        "C-19", "two", "closes the instances of its parent",
        ("    for consumer in list(CONSUMERS):\n",
         "    for consumer in list(CONSUMERS):\n"
         "        for source in consumer.sources.values():\n"
         "            getattr(source.call, 'close', str)()\n"),
    ),
]  # fmt: skip
"""Breaches of what the second draft adds; these were written together with their checks."""

NOT_FOUND: dict[str, str] = {}
"""What the kit does not find, and why."""
