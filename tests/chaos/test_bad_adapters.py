"""Adapters that hang, spin, raise whatever Python can raise and never stop, beside a good one."""

from __future__ import annotations

import importlib
import threading
from pathlib import Path
from typing import Any

import pytest

from sampler import ConfigurationError
from sampler._runtime.abandoned import abandoned
from sampler.agent import Batch, Rejected, Unavailable
from sampler.agent.config.reading import parse
from tests.chaos.ledger import check
from tests.chaos.rig import Rig
from tests.chaos.test_bad_samplers import Own
from tests.support.memory import Memory
from tests.support.waiting import SHORT, hangs, wait_for


class Stuck(Memory):
    """An adapter whose ``encode`` hangs, spins, raises or never stops yielding."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.calls, self.release = how, 0, threading.Event()

    def encode(self, snapshot: Any, since: Any) -> Any:
        self.calls += 1
        if self.how != "exits":
            hangs()
        if self.how == "hangs":
            self.release.wait(60)
        while self.how == "spins" and not self.release.is_set():
            pass
        if self.how == "exits":
            raise SystemExit(self.how)
        while self.how == "endless":
            yield Batch((b"x",), 1)
        while self.how == "empty":
            yield Batch((b"x",), 0)
        yield from super().encode(snapshot, since)


@pytest.mark.scenario(17)
@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("how", ["hangs", "spins", "exits", "endless", "empty"])
def test_an_encoder_that_hangs_costs_its_own_adapter_only(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is under the samplers' guard: one thread, its own entries, counted as its own."""
    monkeypatch.setattr("sampler.agent.delivery.encoding.ENCODE_DEADLINE", SHORT)
    stuck = Stuck(how)
    with Rig(beside=stuck) as rig:
        rig.run(4)
        assert abandoned() <= 1
        if how == "hangs":
            assert (stuck.calls, abandoned()) == (1, 1)
    balance = rig.agent.balances()["beside"]
    assert balance.holds
    assert balance.collected == balance.dropped["encode"] > 0
    stuck.release.set()
    wait_for(lambda: abandoned() == 0, what="the thread to end")


class Torn(Unavailable):
    """Cannot be shown."""

    def __str__(self) -> str:
        raise ZeroDivisionError


class Shy(Exception):
    """Ends the thread that shows it."""

    def __str__(self) -> str:
        raise SystemExit


class Raising(Memory):
    """An adapter whose ``send`` raises at every second call."""

    def __init__(self, kind: Any) -> None:
        super().__init__(size=100)
        self.kind, self.idempotent = kind, False

    def send(self, batch: Batch, timeout: float) -> Any:
        outcome = super().send(batch, timeout)
        if self.sends % 2:
            raise self.kind
        return outcome


@pytest.mark.scenario(15)
@pytest.mark.parametrize(
    "kind", [SystemExit, KeyboardInterrupt, GeneratorExit, Own, Shy, Torn("")]
)
def test_a_sender_survives_whatever_its_adapter_raises(kind: Any) -> None:
    """What may have arrived is unconfirmed, the next batch delivered, the other adapter exact."""
    raising = Raising(kind)
    with Rig(beside=raising) as rig:
        wait_for(lambda: raising.sends >= 6, what="more attempts")
    balance = rig.agent.balances()["beside"]
    check(balance, len(raising.received))
    assert balance.delivered > 0
    assert balance.unconfirmed > 0
    assert balance.delivered + balance.unconfirmed == balance.collected


@pytest.mark.parametrize("kind", [Unavailable, Rejected, ValueError])
def test_what_an_adapter_says_is_logged_in_printable_lines(kind: Any, caplog: Any) -> None:
    """Escape sequences do not reach the terminal that shows the log."""
    said = "away\n2026 sampler: forged\x1b[2J"
    raising = Raising(kind("own", message=said) if kind is Rejected else kind(said))
    with Rig(beside=raising):
        wait_for(lambda: "forged" in caplog.text, what="the line")
    lines = [record.getMessage() for record in caplog.records]
    assert any(r"away\n2026 sampler: forged\x1b[2J" in line for line in lines)
    assert all(line.isprintable() for line in lines)


def announce(folder: Path, module: str) -> None:
    """Put a distribution into a folder that announces `module:Own` as the adapter `own`."""
    info = folder / "own-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[sampler.adapters]\nown = {module}:Own\n")


OWN = """\
class Own:
    def encode(self, snapshot, since): ...
    def send(self, batch, timeout): ...
"""


def test_an_adapter_whose_import_hangs_is_a_problem_of_its_table(tmp_path, monkeypatch) -> None:
    """Reading the configuration goes on, and the problem names the adapter."""
    over = tmp_path / "over"
    (tmp_path / "hanging_adapter.py").write_text(
        f"import os, time\nwhile not os.path.exists({str(over)!r}): time.sleep(0.01)\n"
    )
    announce(tmp_path, "hanging_adapter")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("sampler.agent.config.plugins.LOADING", 0.1)
    with pytest.raises(ConfigurationError) as caught:
        parse({"adapters": {"own": {}}}, "sampler.toml")
    (problem,) = caught.value.problems
    assert "adapters.own: adapter 'own' cannot be imported: " in problem
    assert "the import has not ended within 0.1 s" in problem
    over.touch()
    wait_for(lambda: not abandoned(), what="the import to end")


def test_a_package_may_start_an_agent_with_its_own_adapter_while_it_is_imported(
    tmp_path, monkeypatch
) -> None:
    """The adapter's import needs the package, whose lock the importing thread holds."""
    package = tmp_path / "starting_package"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from sampler.agent.config.reading import parse\n"
        'settings = parse({"adapters": {"own": {}}}, "sampler.toml")\n'
    )
    (package / "adapter.py").write_text(f"from . import __name__\n{OWN}")
    announce(tmp_path, "starting_package.adapter")
    monkeypatch.syspath_prepend(str(tmp_path))
    (adapter_settings,) = importlib.import_module("starting_package").settings.adapters
    assert type(adapter_settings.adapter).__name__ == "Own"


def test_an_adapter_whose_import_needs_the_main_thread_is_imported(tmp_path, monkeypatch) -> None:
    """As one that sets a signal handler does."""
    (tmp_path / "main_adapter.py").write_text(
        f"import signal\nsignal.signal(signal.SIGUSR2, signal.SIG_DFL)\n{OWN}"
    )
    announce(tmp_path, "main_adapter")
    monkeypatch.syspath_prepend(str(tmp_path))
    (adapter_settings,) = parse({"adapters": {"own": {}}}, "sampler.toml").adapters
    assert type(adapter_settings.adapter).__name__ == "Own"
