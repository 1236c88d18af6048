"""Both sides written from the draft's text alone: no line of the implementation is imported."""
