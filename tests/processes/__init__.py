"""The lives of processes: what servers do to an agent, and what arrives of what was counted.

``uv run --group servers python -m tests.processes`` lives them all and says what is red;
``--write`` makes ``docs/processes.md`` of it.
"""
