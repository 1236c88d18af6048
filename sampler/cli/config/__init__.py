"""``sampler config``: a configuration to begin with, its schema, and its page."""
