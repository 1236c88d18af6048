"""The site's front door: its pages lie below ``docs/``, and ``/`` leads there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pygments.lexers.special import TextLexer

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url={url}">
<title>sampler-api</title>
<a href="{url}">sampler-api</a>
"""


def setup(app: Any) -> dict[str, Any]:
    """Write ``index.html`` when everything else is written."""
    app.add_lexer("haproxy", TextLexer)  # which Pygments does not know
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _write(app: Any, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        url = app.builder.get_target_uri(app.config.root_doc)
        Path(app.outdir, "index.html").write_text(PAGE.format(url=url), "utf-8")
