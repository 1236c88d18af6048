"""Where a relay listens, and who may talk to whom."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def default_address() -> str:
    """Return where the relay of this user listens."""
    return f"@sampler-relay-{os.geteuid()}"


def user_ids(users: Iterable[str]) -> frozenset[int]:
    """Return the numbers of users, and those whom everybody trusts: oneself and root.

    Raises:
        KeyError: there is no such user; options are checked for that.
    """
    return frozenset({0, os.geteuid(), *map(_user_id, users)})


def _user_id(user: str) -> int:
    from pwd import getpwnam

    return int(user) if user.isdecimal() else getpwnam(user).pw_uid
