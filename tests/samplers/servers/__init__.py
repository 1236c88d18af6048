"""Samplers of servers, each on the real server."""
