"""Overloads of a real server, for ``sampler advise``: it is asked, and what it says is done."""
