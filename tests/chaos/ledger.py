"""What every scenario that delivers ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sampler.agent import Balance


def check(balance: Balance, received: int) -> None:
    """Insist on the law, and on its two bounds at the endpoint.

    Args:
        balance: read after everything was settled.
        received: distinct entries at the endpoint.
    """
    assert balance.holds, balance
    assert balance.queued == 0, balance
    assert balance.delivered <= received <= balance.delivered + balance.unconfirmed, (
        f"{received} received, {balance}"
    )
