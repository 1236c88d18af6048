"""Advice: from a window to statements."""
