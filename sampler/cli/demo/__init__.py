"""``sampler demo``: the main job on embedded defaults, all inside one process."""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING

from sampler.cli.exits import OK, UNAVAILABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from sampler.agent import Agent
    from sampler.cli.demo.receivers import GraphiteReceiver, Scraper, StatsDReceiver
    from sampler.cli.demo.screen import Screen
    from sampler.cli.demo.verdict import Recorder

INTERVAL = 1.0
_FRAME = 0.125


def demo(seconds: float) -> int:
    """Sample a busy program for a while and compare what arrived.

    Args:
        seconds: how long; Ctrl-C ends earlier.

    Returns:
        0 when every receiver holds what was collected, else 1; 69 when a package is missing.
    """
    try:
        import rich  # noqa: F401
        import statsd  # noqa: F401
    except ModuleNotFoundError as missing:
        remedy = "pip install 'sampler-api[demo]'"
        print(f"sampler demo needs {missing.name!r}: {remedy}", file=sys.stderr)
        return UNAVAILABLE
    logging.getLogger("sampler").setLevel(logging.ERROR)  # the page has no room for a log
    return _run(seconds)


def _run(seconds: float) -> int:
    from sampler.cli.demo import verdict
    from sampler.cli.demo.receivers import GraphiteReceiver, Scraper, StatsDReceiver
    from sampler.cli.demo.screen import Screen
    from sampler.cli.demo.source import Workshop

    graphite, statsd, scraper = GraphiteReceiver(), StatsDReceiver(), Scraper()
    recorder = verdict.Recorder()
    screen = Screen(seconds)
    with Workshop() as workshop:
        agent = _agent(workshop.sampler(), graphite.port, statsd.port, recorder)
        with screen:
            agent.start()
            _watch(screen, agent, seconds, (graphite, statsd, scraper), recorder)
        agent.stop()
    balances = agent.balances()
    verdicts = [
        verdict.graphite(balances["graphite"], graphite, recorder),
        _settled(lambda: verdict.prometheus(agent.balances()["prometheus"], scraper)),
        _settled(lambda: verdict.statsd(balances["statsd"], statsd, recorder)),
    ]
    graphite.close()
    statsd.close()
    screen.end(verdicts)
    return 1 if any(each.faults for each in verdicts) else OK


def _agent(workshop: Mapping[str, Any], graphite: int, statsd: int, recorder: Recorder) -> Agent:
    """Wire the workshop and this process to three adapters and the recorder."""
    import attrs

    from sampler import Registry
    from sampler.agent import Agent
    from sampler.agent.config.reading import parse
    from sampler.agent.config.settings import AdapterSettings
    from sampler.cli.demo.verdict import PREFIX

    settings = parse(
        {
            "interval": INTERVAL,
            "service": "demo",
            "samplers": {"enable": ["workshop", "process"]},
            "adapters": {
                "graphite": {"port": graphite, "prefix": PREFIX},
                "statsd": {"port": statsd, "prefix": PREFIX},
                "prometheus": {"listen": "127.0.0.1:0"},
            },
        },
        "demo",
    )
    adapters = (*settings.adapters, AdapterSettings("recorder", "recorder", recorder, INTERVAL))
    registry = Registry()
    registry.register(workshop)
    return Agent(attrs.evolve(settings, adapters=adapters), registry)


def _watch(
    screen: Screen,
    agent: Agent,
    seconds: float,
    receivers: tuple[GraphiteReceiver, StatsDReceiver, Scraper],
    recorder: Recorder,
) -> None:
    """Scrape once an interval and draw, until the time is over or Ctrl-C."""
    graphite, statsd, scraper = receivers
    (address,) = (
        each.adapter.address for each in agent.settings.adapters if each.type == "prometheus"
    )
    began = time.monotonic()
    scrape_at = INTERVAL / 2
    try:
        while (elapsed := time.monotonic() - began) < seconds:
            if elapsed >= scrape_at:
                scraper.scrape(address)
                scrape_at += INTERVAL
            balances = agent.balances()
            rows = {
                "graphite": (balances["graphite"], f"{graphite.entries} entries"),
                "prometheus": (balances["prometheus"], f"{scraper.entries} entries"),
                "statsd": (balances["statsd"], f"{statsd.lines} lines"),
            }
            screen.show(elapsed, dict(recorder.last), rows)
            time.sleep(_FRAME)
    except KeyboardInterrupt:
        pass
    _settled(lambda: agent.balances()["statsd"].queued == 0)


def _settled(judge: Callable[[], Any], limit: float = 2.0) -> Any:
    """Ask again for a moment: datagrams may still be on their way between two threads."""
    deadline = time.monotonic() + limit
    while True:
        found = judge()
        fine = not found.faults if hasattr(found, "faults") else found
        if fine or time.monotonic() > deadline:
            return found
        time.sleep(0.02)
