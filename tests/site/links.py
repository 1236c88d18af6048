"""Every link of a built site: those within it lead somewhere, others are well formed."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+|localhost|127\.0\.0\.1")
_LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}
"""What a browser fetches by itself, by tag."""


class Page(HTMLParser):
    """What one page of HTML has: ids, links, and what it loads.

    Attributes:
        ids: what a fragment may name.
        links: where it leads.
        loads: what the browser fetches with it.
        text: its characters.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        found = {key: value or "" for key, value in attrs}
        self.ids.update(filter(None, (found.get("id"), found.get("name"))))
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag != "link" or found.get("rel") in ("stylesheet", "icon", "preload"):
            self.loads += filter(None, [found.get(_LOADED.get(tag, ""))])


class Report(NamedTuple):
    """What was found.

    Attributes:
        faults: one sentence for each link that is wrong.
        pages: how many there are.
        inside: links within the site.
        outside: links to other hosts, of which only the form is looked at.
    """

    faults: list[str]
    pages: int
    inside: int
    outside: int


def check(site: Path) -> Report:
    """Look at every page of a folder."""
    site = site.resolve()
    pages = {file: Page(file.read_text("utf-8")) for file in sorted(site.rglob("*.html"))}
    faults, inside, outside = [], 0, 0
    for file, page in pages.items():
        where = file.relative_to(site).as_posix()
        faults += [f"{where}: loads {each}" for each in page.loads if urlsplit(each).netloc]
        for link in page.links:
            if urlsplit(link).scheme:
                outside += 1
                if not well_formed(link):
                    faults.append(f"{where}: {link} is no address")
            else:
                inside += 1
                if trouble := _inside(site, file, link, pages):
                    faults.append(f"{where}: {link}: {trouble}")
    faults += list(_styles(site))
    if "Search.setIndex" not in (site / "searchindex.js").read_text("utf-8")[:40]:
        faults.append("searchindex.js: no index of the search")
    return Report(faults, len(pages), inside, outside)


def well_formed(link: str) -> bool:
    """Say whether an address of another host may be one."""
    parts = urlsplit(link)
    if parts.scheme == "mailto":
        return "@" in unquote(parts.path)
    return parts.scheme in ("http", "https") and bool(_HOST.fullmatch(parts.hostname or ""))


def _inside(site: Path, file: Path, link: str, pages: dict[Path, Page]) -> str:
    path, _, fragment = link.partition("#")
    target = (file.parent / unquote(path)).resolve() if path else file
    if target.is_dir():
        target /= "index.html"
    if not target.is_relative_to(site) or not target.exists():
        return "no such file"
    found = pages.get(target)
    if fragment and found is not None and unquote(fragment) not in found.ids:
        return "no such place on the page"
    return ""


def _styles(site: Path) -> Iterator[str]:
    for file in site.rglob("*.css"):
        for address in re.findall(r"url\(['\"]?(?!data:)([^)'\"]+)", file.read_text("utf-8")):
            if urlsplit(address).netloc:
                yield f"{file.name}: loads {address}"
