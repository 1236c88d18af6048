"""What the check of the built site finds: it cannot pass by looking away."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.site.links import check, well_formed

GOOD = '<h1 id="top">T</h1><a href="b.html#there">b</a><a href="https://example.org/x">x</a>'


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site of two pages without a fault."""
    (tmp_path / "a.html").write_text(GOOD)
    (tmp_path / "b.html").write_text('<p id="there"><a href="a.html">a</a></p>')
    (tmp_path / "searchindex.js").write_text("Search.setIndex({})")
    (tmp_path / "site.css").write_text("p { background: url(data:x) }")
    return tmp_path


def test_a_site_without_a_fault_has_none(site: Path) -> None:
    """And its links are counted."""
    assert check(site) == ([], 2, 2, 1)


@pytest.mark.parametrize(
    ("html", "fault"),
    [
        ('<a href="c.html">c</a>', "a.html: c.html: no such file"),
        ('<a href="b.html#nowhere">b</a>', "a.html: b.html#nowhere: no such place on the page"),
        ('<a href="../../etc/passwd">p</a>', "a.html: ../../etc/passwd: no such file"),
        ('<a href="https://nowhere">n</a>', "a.html: https://nowhere is no address"),
        ('<script src="https://cdn.example/x.js">', "a.html: loads https://cdn.example/x.js"),
    ],
)
def test_a_wrong_link_is_found(site: Path, html: str, fault: str) -> None:
    """With its page."""
    (site / "a.html").write_text(html)
    assert check(site).faults == [fault]


def test_what_a_style_loads_from_another_host_is_found(site: Path) -> None:
    """Fonts, for example."""
    (site / "site.css").write_text("@font-face { src: url('https://fonts.example/f.woff2') }")
    assert check(site).faults == ["site.css: loads https://fonts.example/f.woff2"]


@pytest.mark.parametrize("link", ["mailto:a@b.org", "http://127.0.0.1:9464/metrics"])
def test_addresses_of_one_s_own_host_and_of_mail_are_well_formed(link: str) -> None:
    """As docs have them."""
    assert well_formed(link)
