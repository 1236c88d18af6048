"""What is wrong now, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampler.adapterkit.threads import unhealthy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sampler.agent import AdapterState
    from sampler.page.recorder import Recorder


def trouble_of(recorder: Recorder, adapters: Sequence[AdapterState]) -> list[dict[str, Any]]:
    """Return a row for each trouble: what, where, what to do, since when."""
    rows = [*_adapters(adapters), *_samplers(recorder), *_threads()]
    return [dict(zip(("what", "where", "remedy", "since"), row, strict=True)) for row in rows]


def _adapters(
    adapters: Sequence[AdapterState],
) -> Iterator[tuple[str, str, str, float | None]]:
    for each in adapters:
        if each.trouble:
            remedy = "see that the endpoint runs and its address is right; it is tried again"
            yield each.trouble, f"adapter {each.name}", remedy, each.trouble_since
        if each.waiting:
            remedy = "end the program that has the address, or set another listen"
            yield f"{each.endpoint} is taken", f"adapter {each.name}", remedy, None


def _samplers(recorder: Recorder) -> Iterator[tuple[str, str, str, float | None]]:
    for name, each in recorder.failures.samplers.items():
        if each.now:
            remedy = f"'sampler explain {each.reason}' says what that means"
            yield each.message, f"sampler {name}", remedy, each.since


def _threads() -> Iterator[tuple[str, str, str, float | None]]:
    for name, why in unhealthy().items():
        yield why, f"thread {name}", "the log says why; restart the process", None
