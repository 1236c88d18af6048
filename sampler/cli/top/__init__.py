"""``sampler top`` and ``sampler tap``: a running agent or relay in a terminal."""
