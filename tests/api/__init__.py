"""The public names and their signatures, against the list that is committed.

``python -m tests.api`` compares; ``--write`` writes the list anew.
"""
