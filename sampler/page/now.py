"""What is so now: trouble, adapters, samplers, processes, the web application, advice."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import attrs

from sampler.agent import adapters_of, pauses, processes_of
from sampler.page.accounts import samplers_of
from sampler.page.trouble import trouble_of
from sampler.page.web import web_of

if TYPE_CHECKING:
    from sampler.agent import AdapterState
    from sampler.page.recorder import Recorder

VERSION = 1
MOST = 500
"""Samplers, and processes, that are told; those in trouble first."""


def now(recorder: Recorder) -> dict[str, Any]:
    """Return what is so at this moment."""
    agent, history = recorder.agent, recorder.history
    _, snapshot, before = recorder.newest
    moment = time.time()
    adapters = adapters_of(agent) if agent is not None else []
    paused = pauses(agent) if agent is not None else {}
    samplers = samplers_of(snapshot, recorder.failures, paused, recorder.failed)
    last_report = None if snapshot is None else snapshot.time
    processes = processes_of(agent, last_report) if agent is not None else []
    processes.sort(key=lambda each: each.state == "reports")
    said, used = recorder.advice.statements()
    web = web_of(snapshot, before)
    if web is not None:
        web["utilization"] = used
    identity = dict(agent.identity) if agent is not None else {}
    start = float(identity.get("start", moment))
    return {
        "version": VERSION,
        "time": moment,
        "zone": zone(moment),
        "identity": {
            "service": identity.get("service", ""),
            "host": identity.get("host", ""),
            "instance": identity.get("instance", ""),
            "pid": os.getpid(),
            "start": start,
            "role": identity.get("role", ""),
        },
        "interval": agent.settings.program.interval if agent is not None else None,
        "uptime": max(0.0, moment - start),
        "catalogue": history.catalogue,
        "series_count": len(history.index) + history.omitted,
        "omitted": history.omitted,
        "trouble": trouble_of(recorder, adapters, processes),
        "adapters": [_adapter(each) for each in adapters],
        "samplers": samplers[:MOST],
        "samplers_count": len(samplers),
        "processes": [attrs.asdict(each) for each in processes[:MOST]],
        "processes_count": len(processes),
        "web": web,
        "advice": said,
    }


def zone(moment: float) -> str:
    """Return this process's offset from UTC, as ``+01:00``."""
    text = time.strftime("%z", time.localtime(moment))
    return f"{text[:3]}:{text[3:5]}"


def _adapter(state: AdapterState) -> dict[str, Any]:
    balance = state.balance
    return {
        "name": state.name,
        "kind": state.kind,
        "endpoint": state.endpoint,
        "collected": balance.collected,
        "recovered": balance.recovered,
        "delivered": balance.delivered,
        "unconfirmed": balance.unconfirmed,
        "dropped": {reason: n for reason, n in balance.dropped.items() if n},
        "queued": balance.queued,
        "last_error": state.last_error,
        "last_error_time": state.last_error_time,
        "last_delivery_time": state.last_delivery_time,
    }
