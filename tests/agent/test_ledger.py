"""The ledger: every term of the law counts, and nothing stands for another."""

from __future__ import annotations

from contextlib import suppress

import pytest

from sampler.agent.delivery.ledger import REASONS, Balance, Ledger
from tests.contract.build import in_thread
from tests.support.waiting import wait_for

TERMS = ["collected", "recovered", "delivered", "unconfirmed", "queued"]


def balance(**terms: int) -> Balance:
    """Return a balance in which some terms are wrong."""
    wanted = {"collected": 7, "recovered": 5, "delivered": 4, "unconfirmed": 3, "queued": 2}
    wanted = {term: value + terms.get(term, 0) for term, value in wanted.items()}
    dropped = {"oldest": 2 + terms.get("oldest", 0), "rejected": 1 + terms.get("rejected", 0)}
    return Balance(dropped=dropped, **wanted)


def test_a_balance_holds_when_both_sides_are_equal() -> None:
    """What came in is what went out, was given up, or waits."""
    assert balance().holds


@pytest.mark.parametrize("term", [*TERMS, "oldest", "rejected"])
@pytest.mark.parametrize("by", [1, -1])
def test_a_balance_does_not_hold_when_one_term_is_off(term: str, by: int) -> None:
    """By one, in either direction; and it holds again when the other side is off as much."""
    assert not balance(**{term: by}).holds
    other = "delivered" if term in {"collected", "recovered"} else "collected"
    assert balance(**{term: by, other: by}).holds


def test_counts_add_up_each_for_itself() -> None:
    """Reasons that have never been seen are there with 0, others come when they occur."""
    ledger = Ledger()
    assert ledger.balance() == Balance(0, 0, 0, 0, dict.fromkeys(REASONS, 0), 0)
    for factor in (1, 2):
        ledger.count(
            collected=1 * factor,
            recovered=10 * factor,
            delivered=100 * factor,
            unconfirmed=1_000 * factor,
            queued=10_000 * factor,
            dropped={"oldest": 5 * factor, "new": 7 * factor},
        )
    ledger.count(queued=-1)
    read = ledger.balance()
    assert read == Balance(
        3, 30, 300, 3_000, {**dict.fromkeys(REASONS, 0), "oldest": 15, "new": 21}, 29_999
    )
    ledger.count(dropped={"oldest": 1})
    assert read.dropped["oldest"] == 15


class Slow(int):
    """A number that is added while another thread gets half a second to count, too."""

    def __new__(cls, value: int, ledger: Ledger) -> Slow:
        made = super().__new__(cls, value)
        made.ledger = ledger
        return made

    def __radd__(self, other: int) -> int:
        if not self.started:
            self.started = True
            self.other = in_thread(lambda: self.ledger.count(**dict.fromkeys(TERMS, 100)))
            with suppress(AssertionError):
                self.other(0.5)
        return other + int(self)

    started = False


@pytest.mark.parametrize("term", TERMS)
def test_no_count_is_lost_to_another_thread(term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that counts meanwhile waits, whatever the interpreter runs at the same time."""
    monkeypatch.setattr("tests.contract.build.SLACK", 0.0)
    ledger = Ledger()
    slow = Slow(1, ledger)
    ledger.count(**{term: slow})
    wait_for(lambda: ledger.balance().queued >= 100, what="the other thread")
    assert getattr(ledger.balance(), term) == 101


def test_many_threads_count_exactly() -> None:
    """Ten thousand times each, drops included; a reading at any moment is consistent."""
    ledger = Ledger()

    def count() -> None:
        for _ in range(10_000):
            ledger.count(collected=3, delivered=1, dropped={"oldest": 1}, queued=1)
            assert ledger.balance().holds

    for done in [in_thread(count) for _ in range(4)]:
        done(60)
    dropped = {**dict.fromkeys(REASONS, 0), "oldest": 40_000}
    assert ledger.balance() == Balance(120_000, 0, 40_000, 0, dropped, 40_000)
