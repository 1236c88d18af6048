"""Names of New Relic's metrics: parts between slashes, 255 characters at most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler.adapterkit.dotted_paths import Alphabet

if TYPE_CHECKING:
    from sampler.agent import Series

_LONGEST = 255 - len("Custom/")
_VALUES = Alphabet(" _-./,;=+*@&#?!$~(){}<>%")
"""What the value of a label may hold: no colon, and none of ``[ ] |``, which mark a unit."""
_PATHS = Alphabet(" _-./,;=+*@&#?!$~(){}<>%:")


def path_of(series: Series) -> str:
    """Return the name of a series below its group: ``shop/orders/route:/buy``.

    Different series have different names: each colon ends the name of a label, and what has to be
    changed ends in a mark of its own.
    """
    labels = (f"{key}:{_VALUES.write(series.labels[key])}" for key in sorted(series.labels))
    return _PATHS.write("/".join((*series.name.split("."), *labels)), _LONGEST)
