"""What every scenario that delivers ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sampler.agent import Account


def check(account: Account, received: int) -> None:
    """Insist on the law, and on what the endpoint has of it.

    Args:
        account: read after everything was settled.
        received: distinct entries at the endpoint.
    """
    assert account.holds, account
    assert account.queued == 0, account
    most = account.delivered + account.unconfirmed
    assert account.delivered <= received <= most, (account, received)
