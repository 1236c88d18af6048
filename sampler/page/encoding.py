"""JSON in small steps: one call for a whole table would keep the application from running."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from sampler.agent import GiveWayTimer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LARGE = 32
"""Items from which on each of a table or a list is written by itself."""


def encoded(answer: Mapping[str, Any]) -> bytes:
    """Return an answer as JSON; what is not finite is null."""
    turn = GiveWayTimer()
    parts = (f"{_text(key)}:{''.join(_parts(value, turn))}" for key, value in answer.items())
    return f"{{{','.join(parts)}}}".encode()


def _parts(value: Any, turn: GiveWayTimer) -> Iterator[str]:
    if isinstance(value, dict) and len(value) > _LARGE:
        yield from _joined("{}", (f"{_text(k)}:{_text(v)}" for k, v in value.items()), turn)
    elif isinstance(value, list) and len(value) > _LARGE and isinstance(value[0], dict):
        yield from _joined("[]", map(_text, value), turn)
    else:
        yield _text(value)


def _joined(ends: str, texts: Iterator[str], turn: GiveWayTimer) -> Iterator[str]:
    between = ends[0]
    for text in texts:
        yield between + text
        between = ","
        turn.give_way_if_due()
    yield ends[1]


def _text(value: Any) -> str:
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), separators=(",", ":"))


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    return list(map(_finite, value)) if isinstance(value, list | tuple) else value
