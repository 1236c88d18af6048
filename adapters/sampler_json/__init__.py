"""The adapter ``jsonlines``: a JSON object for each entry, in a file or on a standard stream."""

from sampler_json._adapter import JSONLines

__all__ = ["JSONLines"]
