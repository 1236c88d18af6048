"""Bridges, judged by the packages that they read."""
