"""The rows of the table, a file for each family."""

from __future__ import annotations

from tests.processes.rows import apache, asgi, gunicorn, multiprocess, reloaders, tasks, uwsgi

ROWS = {
    row.name: row
    for family in (gunicorn, uwsgi, asgi, apache, tasks, multiprocess, reloaders)
    for row in family.ROWS
}
