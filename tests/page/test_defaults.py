"""Where the live page is on without being asked for."""

from __future__ import annotations

from sampler.agent.config.reading import default_settings
from sampler.cli.run import prepare


def live_of(settings) -> list[bool]:
    """Return ``live`` of each page."""
    return [each.adapter.live for each in settings.adapters if each.type == "prometheus"]


def test_sampler_run_without_a_file_has_it(tmp_path, monkeypatch) -> None:
    """On loopback; who brings a file asks for it there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SAMPLER_CONFIG", raising=False)
    settings = prepare(None).settings
    assert live_of(settings) == [True]
    assert [each.name for each in settings.adapters] == ["prometheus", "live"]
    assert settings.adapters[0].adapter.listen == "127.0.0.1:9464"
    (tmp_path / "sampler.toml").write_text("[adapters.prometheus]\n")
    assert live_of(prepare(None).settings) == [False]


def test_an_application_without_a_file_has_none() -> None:
    """It has not asked for a page for people."""
    settings = default_settings()
    assert live_of(settings) == [False]
    assert not any(each.for_people for each in settings.adapters)
