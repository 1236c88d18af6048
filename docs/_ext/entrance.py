"""The site's front door: ``/`` leads to ``docs/``, and every page of ``docs/`` is in the contents.

A page that no list of contents has yet comes last, under *More*, until somebody gives it a place.
"""

from __future__ import annotations

import re
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


MENDED = {
    '<p class="caption" role="heading">': '<p class="caption" role="heading" aria-level="2">',
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="Contents">',
    '<aside class="toc-drawer': '<aside aria-label="On this page" class="toc-drawer',
    "<pre>": '<pre tabindex="0">',
    '<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
}
"""What the theme leaves out for those who use a keyboard or a screen reader."""
SEARCH = '<article role="main" id="furo-main-content">'
"""Where the page of the search gets a heading."""
_EMPTY = re.compile(r'<th class="(head[^"]*)">(?:<p></p>)?</th>')
"""A head of a column that says nothing: read out, it would be a heading without a name."""


def setup(app: Any) -> dict[str, Any]:
    """Write ``index.html`` when everything else is written."""
    app.add_lexer("haproxy", TextLexer)  # which Pygments does not know
    app.connect("source-read", _more)
    app.connect("source-read", _folders)
    app.connect("doctree-read", _beside)
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _write(app: Any, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        for page in Path(app.outdir).rglob("*.html"):
            text = mended = page.read_text("utf-8")
            for before, after in MENDED.items():
                mended = mended.replace(before, after)
            mended = _EMPTY.sub(r'<td class="\1"></td>', mended)
            if page.name == "search.html":
                mended = mended.replace(SEARCH, f"{SEARCH}\n<h1>Search</h1>")
            if mended != text:
                page.write_text(mended, "utf-8")
        url = app.builder.get_target_uri(app.config.root_doc)
        Path(app.outdir, "index.html").write_text(PAGE.format(url=url), "utf-8")


def _more(app: Any, name: str, source: list[str]) -> None:
    if name != app.config.root_doc:
        return
    listed = set(re.findall(r"^[\w./-]+$", source[0], re.MULTILINE))
    found = sorted(app.env.found_docs - {name})
    pages = [each.removeprefix("docs/") for each in found if each.startswith("docs/")]
    if more := [each for each in pages if each not in listed and "/" not in each]:
        source[0] += "\n".join(
            ["```{toctree}", ":hidden:", ":caption: More", "", *more, "```", ""]
        )


def _folders(app: Any, name: str, source: list[str]) -> None:
    """Lead a link to a folder to its README; where it has none, there is nothing to show."""
    here = Path(app.srcdir, name).parent

    def led(link: re.Match[str]) -> str:
        there = here / link[2] / "README.md"
        return f"[{link[1]}]({link[2]}README.md)" if there.is_file() else link[1]

    source[0] = re.sub(r"\[([^]\n]+)\]\(((?!\w+:)[^)#\s]+/)\)", led, source[0])


def _beside(app: Any, _: Any) -> None:
    """Let pages that others lead to, and no list of contents has, be without one."""
    name = app.env.docname
    if name.startswith(("docs/bench/", "docs/made/clauses/", "examples/talk/pages/")):
        app.env.metadata[name]["orphan"] = True
