"""The law at both ends: our own account, and what the endpoint has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sampler.agent import Account


def check(account: Account, received: int) -> None:
    """Nothing is lost without a count, and what counts as delivered is there."""
    assert account.holds, account
    assert account.delivered <= received <= account.delivered + account.unconfirmed, (
        f"{received} received, {account}"
    )
