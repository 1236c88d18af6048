"""What ``sampler.toml`` says, and how it is read."""
