"""Measurements beside peers, in one run: ``uv run --group bench python -m tests.bench``."""
