"""What a consumer does in a forked child."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import warnings
from typing import Any

from sampler.testing._consumer_suite import ConsumerSuite
from sampler.testing._lab import Lab, Window, counter_of, require, series, skip


class ForksSuite(ConsumerSuite):
    """A consumer in a forked child is a new one."""

    def test_a_consumer_in_a_forked_child_is_a_new_one(self) -> None:
        """Its increments begin there, with instances of its own."""
        if not self.forks or sys.platform == "win32":
            skip("C-19: it has no means to show this, as 'forks' is not set")
            return
        rows = [("c", 5)]
        made: list[_Marked] = []

        def factory(environ: Any) -> Any:
            del environ
            made.append(_Marked())
            return made[-1]

        window = {"name": "window", "factory": factory}
        with Lab(self, counter_of(rows), window, deadline=self.patience, checked=False) as lab:
            lab.pull()
            rows[:] = [("c", 8)]

            def child() -> dict[str, Any]:
                found: dict[str, Any] = {"grown": []}
                for value in (8, 10):
                    rows[:] = [("c", value)]
                    values, increments, failed = lab.consumer.pull()
                    grown = None if increments is None else increments.get(series("s.c"))
                    found["grown"].append(grown)
                    found["failed"] = sorted(failed)
                    found["value"] = values.get(series("s.c"))
                lab.consumer.close()
                found["foreign"] = [each for window in made for each in window.foreign]
                found["made"] = len(made)
                return found

            found = in_child(child, self.patience)
            values, _, failed = lab.pull()
            require(values.get(series("s.c")) == 8, "C-19", f"its parent has {dict(values)}")
            require(not failed, "C-19", f"after the fork {set(failed)} fail in the parent")
        says = f"in the child {found.get('failed')} failed: {found}"
        require(found.get("value") is not None and not found["failed"], "C-19", says)
        require(not found["foreign"], "C-19", f"in the child the parent's instance was {found}")
        require(found["made"] == 2, "C-19", "the child has no instance of its own")
        if found["grown"][0] is not None:
            says = (
                f"of 5, then 8 in the child, then 10, the child adds {found['grown']}, not [0, 2]"
            )
            require(found["grown"] == [0, 2], "C-19", says)


class _Marked(Window):
    """An instance that notes what another process does with it."""

    def __init__(self) -> None:
        super().__init__()
        self.pid = os.getpid()
        self.foreign: list[str] = []

    def __call__(self) -> Any:
        if os.getpid() != self.pid:
            self.foreign.append("called")
        return super().__call__()

    def close(self) -> None:
        if os.getpid() != self.pid:
            self.foreign.append("closed")
        super().close()


def in_child(call: Any, patience: float) -> dict[str, Any]:
    """Return what a call in a forked child returns, through JSON; empty if it does not end."""
    receiver, sender = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads, from 3.12
        pid = os.fork()
    if not pid:
        try:
            os.write(sender, json.dumps(call()).encode())
        except BaseException as error:
            os.write(sender, json.dumps({"failed": repr(error)}).encode())
        finally:
            os._exit(0)
    os.close(sender)
    try:
        ready, _, _ = select.select([receiver], [], [], patience)
        said = os.read(receiver, 1 << 16) if ready else b""
    finally:
        os.close(receiver)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return json.loads(said) if said else {"failed": "it does not end"}
