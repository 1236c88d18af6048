"""The account: every term of the law counts, and nothing stands for another."""

from __future__ import annotations

import pytest

from sampler.agent.law import REASONS, Account, Law

TERMS = ["collected", "recovered", "delivered", "unconfirmed", "queued"]


def account(**terms: int) -> Account:
    """Return an account, of which some terms are not as they should be."""
    wanted = {"collected": 7, "recovered": 5, "delivered": 4, "unconfirmed": 3, "queued": 2}
    wanted = {term: value + terms.get(term, 0) for term, value in wanted.items()}
    dropped = {"oldest": 2 + terms.get("oldest", 0), "rejected": 1 + terms.get("rejected", 0)}
    return Account(dropped=dropped, **wanted)


def test_an_account_holds_when_both_sides_are_equal() -> None:
    """What came in is what went out, was given up, or waits."""
    assert account().holds


@pytest.mark.parametrize("term", [*TERMS, "oldest", "rejected"])
@pytest.mark.parametrize("by", [1, -1])
def test_an_account_does_not_hold_when_one_term_is_off(term: str, by: int) -> None:
    """By one, in either direction; and it holds again when the other side is off as much."""
    assert not account(**{term: by}).holds
    other = "delivered" if term in {"collected", "recovered"} else "collected"
    assert account(**{term: by, other: by}).holds


def test_counts_add_up_each_for_itself() -> None:
    """Reasons that have never been seen are there with 0, others come when they occur."""
    law = Law()
    assert law.account() == Account(0, 0, 0, 0, dict.fromkeys(REASONS, 0), 0)
    for factor in (1, 2):
        law.count(
            collected=1 * factor,
            recovered=10 * factor,
            delivered=100 * factor,
            unconfirmed=1_000 * factor,
            queued=10_000 * factor,
            dropped={"oldest": 5 * factor, "new": 7 * factor},
        )
    law.count(queued=-1)
    read = law.account()
    assert read == Account(
        3, 30, 300, 3_000, {**dict.fromkeys(REASONS, 0), "oldest": 15, "new": 21}, 29_999
    )
    law.count(dropped={"oldest": 1})
    assert read.dropped["oldest"] == 15
