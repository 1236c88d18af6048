"""The difference of two settings, without an agent: what stays, and what does not."""

from __future__ import annotations

import attrs
import pytest

from sampler.agent import AdapterSettings, ProgramSettings, SamplersSettings, Settings
from sampler.agent.channel import PushChannel, ScrapeChannel, channel
from sampler.agent.reloading import Difference, channels_after
from tests.support.memory import Memory


class Page:
    """A scraped adapter that opens nothing."""

    def open(self, collect, ledger) -> None: ...

    def close(self, timeout: float) -> None: ...


def adapter(name: str, *, interval: float = 1.0, **table) -> AdapterSettings:
    """Return the settings of an adapter; one called page is scraped."""
    return AdapterSettings(
        name, name, Page() if name == "page" else Memory(), interval, table=table
    )


def settings(*adapters: AdapterSettings, program=None, **samplers) -> Settings:
    return Settings(
        "test", ProgramSettings(**(program or {})), SamplersSettings(**samplers), adapters
    )


def test_equal_settings_keep_everything() -> None:
    """Their adapters are other objects: each file that is read makes its own."""
    found = Difference.between(
        settings(adapter("a"), adapter("page")), settings(adapter("page"), adapter("a"))
    )
    assert found == Difference(("page", "a"), (), (), (), same_consumers=True, same_identity=True)


def test_each_adapter_is_kept_replaced_new_or_gone() -> None:
    """By its name and its keys; each name once, in the order of the settings."""
    found = Difference.between(
        settings(
            adapter("kept"), adapter("other_table"), adapter("other_interval"), adapter("gone")
        ),
        settings(
            adapter("new"),
            adapter("other_interval", interval=2.0),
            adapter("other_table", host="there"),
            adapter("kept"),
        ),
    )
    assert found.kept == ("kept",)
    assert found.replaced == ("other_interval", "other_table")
    assert found.new == ("new",)
    assert found.gone == ("gone",)


@pytest.mark.parametrize(
    ("change", "same_identity"),
    [
        ({"program": {"service": "x"}}, False),
        ({"program": {"host": "x"}}, False),
        ({"program": {"instance": "x"}}, False),
        ({"deadline": 1.0}, True),
        ({"max_samples": 1}, True),
        ({"max_series": 1}, True),
    ],
    ids=str,
)
def test_other_consumers_replace_what_pushes_and_keep_pages(change, same_identity) -> None:
    """A page gets another Collector and keeps its socket."""
    found = Difference.between(
        settings(adapter("a"), adapter("page")), settings(adapter("a"), adapter("page"), **change)
    )
    assert (found.kept, found.replaced) == (("page",), ("a",))
    assert (found.same_consumers, found.same_identity) == (False, same_identity)


@pytest.mark.parametrize(
    "change",
    [{"program": {"interval": 9.0, "flush_timeout": 1.0, "fork": False}}, {"enable": ("other",)}],
    ids=str,
)
def test_other_keys_leave_consumers_alone(change) -> None:
    """What is selected and how the agent ends changes while Collectors live."""
    found = Difference.between(settings(adapter("a")), settings(adapter("a"), **change))
    assert found.kept == ("a",)
    assert found.same_consumers
    assert found.same_identity


def test_a_channel_that_replaces_another_goes_on_with_its_ledger() -> None:
    """A kept channel is the same object; a new one begins with an empty ledger."""
    before = settings(adapter("a"), adapter("b"), adapter("page"))
    after = settings(adapter("page"), adapter("b", host="there"), adapter("a"), adapter("c"))
    channels = {each.name: channel(each) for each in before.adapters}
    for each in channels.values():
        each.ledger.count(collected=1, delivered=1)
    found = channels_after(after, Difference.between(before, after), channels)
    page, b, a, c = found
    assert (page, a) == (channels["page"], channels["a"])
    assert b is not channels["b"]
    assert b.ledger is channels["b"].ledger
    assert c.balance().collected == 0
    assert [type(each) for each in found] == [ScrapeChannel, PushChannel, PushChannel, PushChannel]
    assert [each.settings for each in found] == list(after.adapters)


def test_a_page_that_becomes_a_pusher_is_replaced() -> None:
    """A name says nothing of what is behind it."""
    page = adapter("page")
    pusher = attrs.evolve(adapter("a"), name="page")
    found = Difference.between(settings(page), settings(pusher))
    assert found.replaced == ("page",)
