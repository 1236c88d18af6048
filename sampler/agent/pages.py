"""Opening what is scraped: all pages or none, or each as soon as its address is free."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampler.agent.channel import scraped
from sampler.agent.config.secrets import described
from sampler.agent.ports import bind_problem
from sampler.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sampler.agent.channel import Channel, ScrapeChannel
    from sampler.agent.config.settings import AdapterSettings


def open_pages(
    pages: Iterable[ScrapeChannel], before: Mapping[str, Channel], file: str, *, insist: bool
) -> None:
    """Open pages, each in the place of the channel that has its name in ``before``.

    Args:
        pages: their channels, each with its Collector.
        before: the channels of a running agent by name.
        file: the configuration's name, for errors.
        insist: open all or none; otherwise a page that cannot be opened now is opened later.

    Raises:
        ConfigurationError: ``insist``, and one cannot be opened; none is open then.
    """
    problems = []
    opened: list[ScrapeChannel] = []
    for each in pages:
        try:
            each.open(before.get(each.name))
        except Exception as error:
            problem = cannot_open(error, each.settings)
            problems.append(f"{each.settings.key}{problem}")
            if not insist:
                each.open_later(problem.partition(": ")[2])
        else:
            opened.append(each)
    if problems and insist:
        for each in opened:
            each.close(0.0)
        raise ConfigurationError(file, problems)


def open_new_pages(
    pages: Iterable[ScrapeChannel], before: Mapping[str, Channel], file: str
) -> None:
    """Open the pages of a reload; one that waits for its address already may go on waiting.

    Raises:
        ConfigurationError: another one cannot be opened; none is open then.
    """
    waiting = {each.name for each in scraped(before.values()) if each.waiting}
    new = list(pages)
    open_pages([each for each in new if each.name not in waiting], before, file, insist=True)
    open_pages([each for each in new if each.name in waiting], before, file, insist=False)


def cannot_open(error: Exception, configured: AdapterSettings) -> str:
    """Say why an adapter cannot be opened, and what to do; the text follows the adapter's key."""
    if isinstance(error, OSError):
        return f".listen: {bind_problem(error, getattr(configured.adapter, 'listen', ''))}"
    if configured.for_people:
        return f": {error}"
    return f": cannot be opened: {described(error)}"  # foreign code
