"""What every scenario that delivers ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sampler.agent import Account


def check(account: Account, received: int) -> None:
    """Insist on the law, and on its two bounds at the endpoint.

    Args:
        account: read after everything was settled.
        received: distinct entries at the endpoint.
    """
    assert account.holds, account
    assert account.queued == 0, account
    assert account.delivered <= received <= account.delivered + account.unconfirmed, (
        f"{received} received, {account}"
    )
