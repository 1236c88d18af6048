"""What a sampler mapping says in vain: its author may have misspelt it."""

from __future__ import annotations

from sampler._contract.declaration import DESCRIPTION_KEYS, KEYS, short
from sampler._contract.names import KINDS
from sampler.exceptions import Fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any


def ignored_parts(sampler: Mapping[str, Any]) -> list[Fault]:
    """Return what consumers ignore: undotted keys and kinds that the specification lacks."""
    found = [_unknown_key(key, KEYS) for key in _unknown_keys(sampler, KEYS)]
    metrics: Any = sampler.get("metrics")
    for metric, description in metrics.items() if hasattr(metrics, "items") else ():
        if hasattr(description, "keys"):
            ignored = [
                _unknown_key(key, DESCRIPTION_KEYS)
                for key in _unknown_keys(description, DESCRIPTION_KEYS)
            ]
            kind = description.get("kind")
            if isinstance(kind, str) and kind not in KINDS:  # what is no text is a fault
                ignored.append(Fault("S-26", f"kind {short(kind)} is taken for a gauge"))
            found += [Fault(fault.clause, f"metric {metric!r}: {fault}") for fault in ignored]
    return found


def _unknown_keys(mapping: Mapping[Any, Any], known: Iterable[str]) -> list[Any]:
    return [key for key in mapping if key not in known and "." not in str(key)]


def _unknown_key(key: object, known: Iterable[str]) -> Fault:
    from difflib import get_close_matches

    near = get_close_matches(str(key), list(known), 1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return Fault("S-02", f"unknown key {key!r}{hint} is ignored")
