"""The agent in every worker of a server, without a change of code: ``sampler run -- COMMAND``."""
