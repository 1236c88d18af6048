# ruff: noqa: E501, ISC004, Q003 - texts of other files
"""Defects of registries: patches of ``tests/pep/independent/one_registry.py``; see ``defects.py``."""

from __future__ import annotations

from tests.pep.defects import Defect


def _defect(clause: str, what: str, *patches: tuple[str, str]) -> Defect:
    return Defect(clause, "one_registry", what, patches)


DEFECTS = [
    _defect(
        "R-01", "keeps the mapping as it is given",
        ("return plain(value) if isinstance(value, Mapping) else value", "return value"),
    ),
    _defect(
        "R-01", "copies no description",
        ("{metric: copied(told) for metric", "{metric: told for metric"),
    ),
    _defect(
        "R-02", "asks for the start when it registers",
        ("        new = Registration(read)\n",
         "        new = Registration(read)\n"
         "        callable(read.get('start')) and read['start']()\n"),
    ),
    _defect(
        "R-02", "starts a thread for each sampler",
        ("        new = Registration(read)\n",
         "        new = Registration(read)\n"
         "        threading.Thread(target=time.sleep, args=(1,), daemon=True).start()\n"),
    ),
    _defect(
        "R-03", "makes a registration for an equal mapping",
        ("                if old.read == read:\n"
         "                    return old                          # R-03\n", ""),
        ("if new.read[\"name\"] == old.read[\"name\"] and new.labels == old.labels:",
         "if new.read[\"name\"] == old.read[\"name\"] and new.labels == old.labels "
         "and new.read != old.read:"),
    ),
    _defect(
        "R-04", "looks at no label",
        ('"S-09": lambda: [*map(label, labels(read))],', '"S-09": dict,'),
    ),
    _defect(
        "R-04", "refuses a key that it does not know",
        ("    for clause, part in parts.items():\n",
         "    if not {*read} <= KEYS:\n"
         "        yield 'S-02'\n"
         "    for clause, part in parts.items():\n"),
    ),
    _defect(
        "R-05", "takes a second owner for the first",
        ("if old.read == read:", 'if old.read["name"] == read["name"] and old.labels == new.labels:'),
    ),
    _defect(
        "R-05", "does not compare what dots and underscores make equal",
        ("flat = full.replace(\".\", \"_\") == other.replace(\".\", \"_\")", "flat = full == other"),
    ),
    _defect(
        "R-05", "refuses a metric whose unit is given once",
        ("len(units) == 2", "unit != its_unit"),
    ),
    _defect(
        "R-06", "holds its lock while it compares",
        ("        while True:\n            seen = self.all\n",
         "        while self.lock:\n            seen = self.all\n"),
        ("            with self.lock:\n                if self.all is seen:",
         "            if True:\n                if self.all is seen:"),
        ("self.all, self.lock = (), threading.Lock()", "self.all, self.lock = (), threading.RLock()"),
        ("        check(\"S-01\", isinstance(mapping, Mapping))\n",
         "        with self.lock:\n            return self.locked(mapping)\n\n"
         "    def locked(self, mapping):\n"
         "        check(\"S-01\", isinstance(mapping, Mapping))\n"),
    ),
    _defect(
        "R-06", "loses what others register meanwhile",
        ("            with self.lock:\n                if self.all is seen:\n",
         "            time.sleep(1e-6)\n            if True:\n                if True:\n"),
    ),
    _defect(
        "R-07", "keeps what was unregistered",
        ("for each in self.all if each is not registration", "for each in self.all"),
    ),
    _defect(
        "R-08", "looks at one group only",
        ('and not group.startswith("sampler.samplers.")', "or False"),
    ),
    _defect(
        "R-09", "imports what nobody has imported",
        ("if point.name not in names and not imported(awaited):", "if False:"),
    ),
    _defect(
        "R-09", "imports nothing that is named",
        ("if point.name not in names and not imported(awaited):", "if not imported(awaited):"),
    ),
    _defect(
        "R-10", "raises what an import raises",
        ("failed[point.name] = repr(error)", "raise"),
    ),
    _defect(
        "R-10", "takes a sampler under another name",
        ("mapping[\"name\"] == point.name)", "True)"),
    ),
    _defect(
        "R-10", "lets the second of one name vanish",
        ('check("R-10: the name is announced twice", first == point)',
         "if first != point:\n                        continue"),
    ),
    _defect(
        "R-12", "yields the mappings",
        ("return iter(self.all)", "return iter([each.sampler for each in self.all])"),
    ),
    _defect(
        "R-12", "tells the time of a clock that nobody else has",
        ("read, time.time(), dict(read)", "read, time.monotonic(), dict(read)"),
    ),
    _defect(
        "R-12", "makes a new registration at each iteration",
        ("return iter(self.all)", "return iter([Registration(each.read) for each in self.all])"),
    ),
    _defect(
        "R-13", "shares no read",
        ('if "min_interval" in read and "loop" not in read:', "if False:"),
    ),
    _defect(
        "R-13", "holds a read for ever",
        ("time.monotonic() < held.began + self.interval", "True"),
    ),
    _defect(
        "R-13", "reads for each who calls meanwhile",
        ("if gate is None or gate.pid != os.getpid():", "if True:"),
    ),
    _defect(
        "R-13", "holds a read that failed",
        ("            self.held = self.take()\n",
         "            try:\n"
         "                self.held = self.take()\n"
         "            except ValueError:\n"
         "                self.held = Held()\n"
         "                self.held.began, self.held.pid = time.monotonic(), os.getpid()\n"),
    ),
    _defect(
        "R-13", "tells a start that is newer than the read",
        ("return self.asked() if held is None else held.start", "return self.asked()"),
    ),
]  # fmt: skip
"""At least one for each of R-01 to R-10, R-12 and R-13."""
