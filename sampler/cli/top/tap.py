"""``sampler tap``: samples as they pass."""

from __future__ import annotations

import json
import select
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sampler.cli.exits import OK, UNAVAILABLE
from sampler.cli.top.client import NoAnswerError
from sampler.cli.top.figures import clean, moment, number

if TYPE_CHECKING:
    from sampler.cli.top.client import Client

_SHORTEST, _LONGEST = 0.05, 1.0
"""Seconds between two looks."""


def tap(client: Client, pattern: str, *, as_json: bool) -> int:
    """Print samples as they pass, until Ctrl-C or the end of the reader.

    Args:
        client: whom to ask.
        pattern: of their full names, such as ``shop.*``.
        as_json: print a JSON object for each sample, for programs.
    """
    try:
        return _follow(client, pattern, as_json=as_json)
    except NoAnswerError as error:
        print(f"sampler tap: {error}", file=sys.stderr)
        return UNAVAILABLE
    except KeyboardInterrupt:
        return OK


def _follow(client: Client, pattern: str, *, as_json: bool) -> int:
    now = client.get("now.json")
    zone, interval = now["zone"], now["interval"]
    pause = min(_LONGEST, max(_SHORTEST, interval / 2))
    after = 0
    begun = False
    while True:
        answer = client.get(f"passed.json?after={after}&glob={quote(pattern, safe='')}")
        if answer["pulls"] < after:  # it was restarted
            after, begun = 0, False
            continue
        for pull in answer["told"][0 if begun else -1 :]:
            missed = pull["pull"] - after - 1
            if begun and missed > 0:
                print(f"sampler tap: {missed} pulls were missed", file=sys.stderr)
            for line in _lines(pull, zone, as_json=as_json):
                print(line)
            if pull["left_out"]:
                print(
                    f"sampler tap: {pull['left_out']} more samples match: name fewer",
                    file=sys.stderr,
                )
            after, begun = pull["pull"], True
        sys.stdout.flush()
        if _reader_left(pause):
            return OK


def _reader_left(pause: float) -> bool:
    """Wait; tell whether the reader of a pipe has left, even if there is nothing to print."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return bool(poll.poll(pause * 1000))


def _lines(pull: dict[str, Any], zone: str, *, as_json: bool) -> list[str]:
    if as_json:
        return [json.dumps(each, separators=(",", ":")) for each in pull["samples"]]
    return [_line(each, zone) for each in pull["samples"]]


def _line(sample: dict[str, Any], zone: str) -> str:
    labels = ",".join(f"{key}={text}" for key, text in sample["labels"].items())
    name = clean(f"{sample['name']}{{{labels}}}" if labels else sample["name"])
    value = sample["value"]
    if isinstance(value, dict):
        total = "" if value["sum"] is None else f" sum {number(value['sum'])}"
        shown = f"count {value['count']}{total}"
    else:
        shown = repr(value)
    return f"{moment(sample['time'], zone)} {name} {shown} {clean(sample['unit'])}".rstrip()
