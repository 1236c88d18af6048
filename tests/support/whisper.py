"""Reading carbon's .wsp files without whisper, which belongs to another interpreter.

Format (whisper 1.1, big endian): aggregation, longest retention, xFilesFactor, number of
archives; per archive its offset, seconds per point, points; then the points, each a timestamp
(0: never written) and a double.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_HEADER = struct.Struct("!LLfL")
_ARCHIVE = struct.Struct("!LLL")
_POINT = struct.Struct("!Ld")


def read_points(file: Path, archive: int = 0) -> dict[int, float]:
    """Return {timestamp in epoch seconds: value} of an archive, in order of time; 0: the finest.

    Empty if the file is absent or not yet whole.
    """
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return {}
    place = _HEADER.size + archive * _ARCHIVE.size
    if len(data) < place + _ARCHIVE.size:
        return {}
    offset, step, count = _ARCHIVE.unpack_from(data, place)
    area = data[offset : offset + count * _POINT.size]
    if len(area) < count * _POINT.size:
        return {}
    points = {time: value for time, value in _POINT.iter_unpack(area) if time}
    # The archive is a ring: a slot not written for a whole turn still holds the turn before.
    oldest = max(points, default=0) - step * count
    return {time: points[time] for time in sorted(points) if time > oldest}
