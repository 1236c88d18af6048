"""Fixtures of these tests."""

from tests.bridges.rig import pulls

__all__ = ("pulls",)
