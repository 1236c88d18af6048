"""What every scenario that delivers ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from sampler.agent.law import Account


def check(account: Account, received: Collection[object]) -> None:
    """Insist on the law, and on its two bounds at the endpoint.

    Args:
        account: the adapter's account.
        received: distinct entries that its endpoint has got.
    """
    assert account.holds, account
    arrived = len(received)
    assert account.delivered <= arrived <= account.delivered + account.unconfirmed, account
