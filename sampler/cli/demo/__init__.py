"""``sampler demo``: a program, an agent and three receivers in one process."""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING

from sampler.cli.exits import FAULTY, OK, UNAVAILABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from sampler.agent import Agent
    from sampler.cli.demo.receivers import GraphiteReceiver, Scraper, StatsDReceiver
    from sampler.cli.demo.screen import Screen
    from sampler.cli.demo.verdict import Recorder, Verdict

INTERVAL = 1.0
_FRAME = 0.125


def demo(seconds: float) -> int:
    """Sample a busy program for a while and compare what was sent with what arrived.

    Args:
        seconds: for how long; Ctrl-C ends it earlier.

    Returns:
        0 when every receiver holds what was collected, else 1; 69 when a package is missing.
    """
    try:
        import rich  # noqa: F401
        import statsd  # noqa: F401
    except ModuleNotFoundError as missing:
        remedy = "pip install 'sampler-api[demo]'"
        print(
            f"sampler demo needs {missing.name!r}, which is not installed: {remedy}",
            file=sys.stderr,
        )
        return UNAVAILABLE
    logging.getLogger("sampler").setLevel(logging.ERROR)  # a log would spoil the screen
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
            screen.show_page(f"http://{_address(agent)}/live/")
            _watch(screen, agent, seconds, (graphite, statsd, scraper), recorder)
        agent.stop()
    balances = agent.balances()
    verdicts = [
        verdict.graphite(balances["graphite"], graphite, recorder),
        _judged(lambda: verdict.prometheus(agent.balances()["prometheus"], scraper)),
        _judged(lambda: verdict.statsd(balances["statsd"], statsd, recorder)),
    ]
    graphite.close()
    statsd.close()
    screen.end(verdicts)
    return FAULTY if any(each.faults for each in verdicts) else OK


def _agent(workshop: Mapping[str, Any], graphite: int, statsd: int, recorder: Recorder) -> Agent:
    """Return an agent that samples workshop and process for three adapters and the recorder."""
    import attrs

    from sampler import Registry
    from sampler.agent import Agent
    from sampler.agent.config.reading import parse
    from sampler.agent.config.settings import ALL, AdapterSettings
    from sampler.cli.demo.verdict import PREFIX

    settings = parse(
        {
            "interval": INTERVAL,
            "service": "demo",
            "samplers": {"enable": ["workshop", "process"]},
            "adapters": {
                "graphite": {"port": graphite, "prefix": PREFIX, "self_metrics": ALL},
                "statsd": {"port": statsd, "prefix": PREFIX, "self_metrics": ALL},
                "prometheus": {"listen": "127.0.0.1:0", "live": True},
            },
        },
        "demo",
    )
    adapters = (*settings.adapters, AdapterSettings("recorder", "recorder", recorder, INTERVAL))
    registry = Registry()
    registry.register(workshop)
    return Agent(attrs.evolve(settings, adapters=adapters), registry)


def _address(agent: Agent) -> str:
    """Return where its page is."""
    (address,) = (
        each.adapter.address for each in agent.settings.adapters if each.type == "prometheus"
    )
    return str(address)


def _watch(
    screen: Screen,
    agent: Agent,
    seconds: float,
    receivers: tuple[GraphiteReceiver, StatsDReceiver, Scraper],
    recorder: Recorder,
) -> None:
    """Scrape once an interval and draw the screen, until the time is over or Ctrl-C is pressed."""
    graphite, statsd, scraper = receivers
    address = _address(agent)
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
    _wait_until(lambda: agent.balances()["statsd"].queued == 0)


def _judged(judge: Callable[[], Verdict]) -> Verdict:
    """Return a verdict, without faults if there soon are none: datagrams need a moment."""
    _wait_until(lambda: not judge().faults)
    return judge()


def _wait_until(condition: Callable[[], bool], limit: float = 2.0) -> None:
    deadline = time.monotonic() + limit
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
