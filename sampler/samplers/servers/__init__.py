"""Samplers of servers: each tells what its server knows of itself."""
