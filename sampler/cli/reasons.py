"""The reasons and other words in the agent's own metrics and messages, and what each means."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

DROPPED: Mapping[str, str] = {
    "collision": "two series have one name at the backend: the first keeps it",
    "encode": "the adapter failed to encode it, or did not account for every entry",
    "error": "the adapter raised an exception that it should not raise when it sends",
    "in_future": "this host's clock is far ahead of the backend's, which would refuse what comes "
    "after such an entry",
    "oldest": "the outbox was full: the oldest entries were dropped to make room",
    "rejected": "the endpoint refused it for good",
    "shutdown": "it was still waiting when its adapter, or the program, ended",
    "spool": "it was in the spool and could not be read back",
    "superseded": "a newer snapshot replaced it: this backend has no use for an older one",
    "too_long": "its name or its line is longer than the backend accepts",
    "too_large": "the endpoint takes no request of that size",
    "unauthorized": "the endpoint refused the credentials",
    "unsupported": "the backend cannot carry it",
}
"""Why ``sampler.entries.dropped`` counts an entry."""

REFUSED: Mapping[str, str] = {
    "description": "its fourth item is not a description, or disagrees with another sampler's "
    "about the kind or unit of one full name",
    "duplicate": "its series occurred before in the same pull: the first is kept; or it belongs "
    "to another sampler, which yielded it first",
    "filtered": "samplers.drop names its metric, or samplers.keep does not",
    "histogram": "it is not a cumulative histogram: count, sum, and buckets that only grow",
    "label_name": "one of its labels has no valid name, or repeats a constant label",
    "label_value": "one of its labels has a value that is neither a text of up to 1024 characters "
    "nor a whole number",
    "labels": "its labels are not a mapping",
    "name": "its metric has no valid name: lower-case words, joined by dots or underscores, with "
    "the sampler's name at most 150 characters",
    "negative": "a counter cannot be below zero; or an instrument was given a negative amount",
    "not_finite": "its value is infinite; or an instrument was given infinity or NaN",
    "out_of_range": "its value, or what an instrument was to add, is an integer beyond ±2**63",
    "overflow": "its metric has more series than samplers.max_series: the surplus is folded into "
    "one series, labelled overflow; or a gauge was set for more label sets than its max_children",
    "shape": "it is not a tuple of (name, value[, labels[, description]])",
    "too_many_buckets": "its histogram has more than 1000 buckets",
    "too_many_labels": "it has more than 64 labels",
    "too_many_samples": "the sampler yielded more than samplers.max_samples in one pull: the rest "
    "was not read",
    "too_many_series": "its metric has more series than samplers.max_series, and is not a counter "
    "or histogram, whose surplus is folded",
    "type": "its value is not a number, or not a histogram where one was declared; or an "
    "instrument was given what is no number",
}
"""Why ``sampler.samples.refused`` counts a sample."""

FAILED: Mapping[str, str] = {
    "deadline": "the sampler did not answer within samplers.deadline",
    "exhausted": "too many threads hang: a sampler that has never answered is not called",
    "invalid": "another registry's registration cannot be read: its mapping breaks the contract",
    "hung": "an earlier call of the sampler has not returned yet",
    "parked": "the sampler failed repeatedly: it is called again after a pause",
    "raised": "the sampler raised an exception",
    "unreached": "the pull ended before the sampler's turn did: others had used the time",
}
"""Why ``sampler.pulls.failed`` counts a pull of a sampler."""

REASONS: Mapping[str, tuple[str, str]] = {
    **{word: ("sampler.entries.dropped", text) for word, text in DROPPED.items()},
    **{word: ("sampler.samples.refused", text) for word, text in REFUSED.items()},
    **{word: ("sampler.pulls.failed", text) for word, text in FAILED.items()},
}
"""Each reason: the metric that counts it, and what it means."""

UNSUPPORTED: Mapping[str, str] = {
    "unit": "the unit of a metric",
    "help": "what a metric means",
    "kind": "whether a metric is a counter, a gauge or a histogram",
    "precision": "every digit of a number",
    "timestamps": "when a sampler was read",
    "histograms": "a histogram as a whole, with its buckets",
    "zeros": "a counter or a histogram that has counted nothing",
}
"""What a backend may be unable to carry, by the words of :data:`sampler.agent.UNSUPPORTED`."""
