"""Words that the agent's own numbers and messages use, and what each means."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

DROPPED: Mapping[str, str] = {
    "collision": "two series have one name at the backend: the first keeps it",
    "encode": "the adapter failed, or did not account for every entry",
    "error": "the adapter raised what no adapter should",
    "oldest": "the outbox was full: the oldest made room",
    "rejected": "the endpoint refused it for good",
    "shutdown": "it was still waiting when its adapter, or the program, ended",
    "spool": "it was in the spool, and could not be read back",
    "superseded": "a newer snapshot took its place: this backend has no use for an old one",
    "too_long": "its name, or its line, is longer than the backend takes",
    "unauthorized": "the endpoint wants other credentials",
    "unsupported": "the backend has no way to carry it",
}
"""Of ``sampler.entries.dropped``."""

REFUSED: Mapping[str, str] = {
    "duplicate": "its series was there already in the same pull: the first stands",
    "histogram": "it is no cumulative histogram: count, sum, and buckets that only grow",
    "label_name": "one of its labels has no valid name, or repeats a constant label",
    "label_value": "one of its labels has a value that is no text of up to 1024 characters, or "
    "whole number",
    "labels": "its labels are no mapping",
    "name": "its metric has no valid name: lower-case words, joined by dots or underscores, with "
    "the sampler's name at most 150 characters",
    "negative": "a counter cannot be below zero",
    "not_finite": "it is infinite",
    "out_of_range": "it is an integer beyond ±2**63",
    "overflow": "its metric has more series than samplers.max_series: the surplus is folded into "
    "one series, labelled overflow; or a gauge was set for more label sets than its max_children",
    "shape": "it is no (name, value) or (name, value, labels)",
    "too_many_buckets": "its histogram has more than 1000 buckets",
    "too_many_labels": "it has more than 64 labels",
    "too_many_samples": "the sampler yielded more than samplers.max_samples in one pull: the rest "
    "is not taken",
    "too_many_series": "its metric, no counter or histogram that could be folded, has more series "
    "than samplers.max_series",
    "type": "its value is no number, or no histogram where one was declared",
}
"""Of ``sampler.samples.refused``."""

FAILED: Mapping[str, str] = {
    "deadline": "the sampler had not answered after samplers.deadline",
    "exhausted": "too many threads hang already to call a sampler that has never answered",
    "hung": "an earlier call of the sampler has not returned yet",
    "parked": "the sampler failed repeatedly: it is called again after a pause",
    "raised": "the sampler raised an exception",
    "unreached": "the pull ended before the sampler's turn did: others had taken the time",
}
"""Of ``sampler.pulls.failed``."""

REASONS: Mapping[str, tuple[str, str]] = {
    **{word: ("sampler.entries.dropped", text) for word, text in DROPPED.items()},
    **{word: ("sampler.samples.refused", text) for word, text in REFUSED.items()},
    **{word: ("sampler.pulls.failed", text) for word, text in FAILED.items()},
}
"""Each reason: the metric that counts it, and what it means."""

LOST: Mapping[str, str] = {
    "unit": "the unit of a metric",
    "help": "what a metric means",
    "kind": "whether a metric is a counter, a gauge or a histogram",
    "precision": "every digit of a number",
    "timestamps": "when a sampler was read",
    "histograms": "a histogram as a whole, with its buckets",
}
"""What a backend may be unable to carry, by the words of :data:`sampler.agent.UNSUPPORTED`."""
