"""``sampler demo``: a web application under load, an agent and three receivers in one process."""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING

from sampler.cli.exits import FAULTY, OK, UNAVAILABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from sampler.agent import Agent
    from sampler.cli.demo.screen import Screen
    from sampler.cli.demo.verdict import Recorder, Verdict

INTERVAL = 1.0
_FRAME = 0.125


def demo(seconds: float, *, browse: bool = False) -> int:
    """Show what goes on in a busy web application, and compare what was sent with what arrived.

    Args:
        seconds: for how long; Ctrl-C ends it earlier.
        browse: open its live page in a browser.

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
    return _run(seconds, browse=browse)


def _run(seconds: float, *, browse: bool) -> int:
    from sampler.cli.demo import shop, verdict
    from sampler.cli.demo.receivers import GraphiteReceiver, Scraper, StatsDReceiver
    from sampler.cli.demo.screen import Screen
    from sampler.cli.demo.traffic import Traffic

    graphite, statsd, scraper = GraphiteReceiver(), StatsDReceiver(), Scraper()
    recorder = verdict.Recorder()
    agent = _agent(graphite.port, statsd.port, recorder)
    agent.start()
    (address,) = (
        each.adapter.address for each in agent.settings.adapters if each.type == "prometheus"
    )
    with Traffic(shop.application), Screen(seconds, f"http://{address}/live/") as screen:
        if browse:
            _browse(f"http://{address}/live/")
        _watch(screen, seconds, lambda: scraper.scrape(address), recorder)
    _wait_until(lambda: agent.balances()["statsd"].queued == 0)
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


def _agent(graphite: int, statsd: int, recorder: Recorder) -> Agent:
    """Return an agent that samples the shop for three adapters and the recorder."""
    import attrs

    import sampler
    from sampler.agent import Agent
    from sampler.agent.config.reading import parse
    from sampler.agent.config.settings import ALL, AdapterSettings
    from sampler.cli.demo.shop import SAMPLER
    from sampler.cli.demo.verdict import PREFIX

    sampler.register(SAMPLER)
    settings = parse(
        {
            "interval": INTERVAL,
            "service": "demo",
            "samplers": {"enable": ["http.server", "shop", "pool", "process"]},
            "adapters": {
                "graphite": {"port": graphite, "prefix": PREFIX, "self_metrics": ALL},
                "statsd": {"port": statsd, "prefix": PREFIX, "self_metrics": ALL},
                "prometheus": {"listen": "127.0.0.1:0", "live": True},
            },
        },
        "demo",
    )
    adapters = (*settings.adapters, AdapterSettings("recorder", "recorder", recorder, INTERVAL))
    return Agent(attrs.evolve(settings, adapters=adapters))


def _watch(screen: Screen, seconds: float, scrape: Callable[[], None], recorder: Recorder) -> None:
    """Scrape once an interval and draw the screen, until the time is over or Ctrl-C is pressed."""
    from sampler.cli.demo.figures import figures

    shown, pulls, before = figures(), 0, dict(recorder.last)
    began = pulled = time.monotonic()
    scrape_at = INTERVAL / 2
    try:
        while (elapsed := time.monotonic() - began) < seconds:
            if elapsed >= scrape_at:
                scrape()
                scrape_at += INTERVAL
            new = recorder.pulls > pulls
            if new:
                pulls, now = recorder.pulls, dict(recorder.last)
                passed, pulled = time.monotonic() - pulled, time.monotonic()
                for figure in shown:
                    figure.take(now, before, passed)
                before = now
            screen.show(elapsed, shown, new=new)
            time.sleep(_FRAME)
    except KeyboardInterrupt:
        pass


def _browse(url: str) -> None:
    """Open a browser, which may take its time, and have nothing to say on this screen."""
    import threading
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


def _judged(judge: Callable[[], Verdict]) -> Verdict:
    """Return a verdict, without faults if there soon are none: datagrams need a moment."""
    _wait_until(lambda: not judge().faults)
    return judge()


def _wait_until(condition: Callable[[], bool], limit: float = 2.0) -> None:
    deadline = time.monotonic() + limit
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
