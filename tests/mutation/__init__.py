"""Small mistakes put into the code that must be exact, one at a time: do the tests see them?

``python -m tests.mutation`` runs it; what it finds and why is in ``docs/mutation.md``.
"""
