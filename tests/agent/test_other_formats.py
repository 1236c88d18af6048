"""What is said of a file that is no TOML: what it seems to be, and what to do."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler import ConfigurationError
from sampler.agent.config.other_formats import seems
from sampler.agent.config.reading import read

JSON, YAML, INI = "looks like JSON", "looks like YAML", "looks like INI"


def said(tmp_path, data: bytes) -> str:
    """Return what is said of a file, in one line."""
    file = tmp_path / "sampler.toml"
    file.write_bytes(data)
    with pytest.raises(ConfigurationError) as caught:
        read(file)
    (only,) = caught.value.problems
    assert only.isprintable()
    return only


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"interval": 10}', JSON),
        ("{}", JSON),
        ('\n\n  {\n "a": 1 }', JSON),
        ('// a comment\n/* of\nlines */\n# and one\n{\n  "interval": 10, // seconds\n}', JSON),
        ('[\n  {"interval": 10}\n]', JSON),
        ("interval: 10\n", YAML),
        ("---\nservice: shop\nadapters:\n  graphite:\n    host: web1\n", YAML),
        ("samplers:\n  - process\n", YAML),
        ("# comment\nservice: 'shop'\n", YAML),
        ("; comment\n[samplers]\ninterval = 10\n", INI),
        ("[adapters.graphite]\nhost: 127.0.0.1\n", INI),
        ("[adapters.graphite]\nhost = localhost\n", 'a text needs quotes: write host = "..."'),
        ("service = shop # mine\n[x\n", ""),
        ("host = 127.0.0.1\n", 'a text needs quotes: write host = "..."'),
        ("spool = /var/spool/x\n", 'a text needs quotes: write spool = "..."'),
        ("fork = True\n", "write fork = true"),
        ("fork = no\n", "write fork = false"),
    ],
)
def test_a_file_of_another_kind_is_recognised(tmp_path, text, what) -> None:
    """And the place that TOML does not understand is said, too."""
    found = said(tmp_path, text.encode())
    assert found.startswith("is not valid TOML: ")
    assert "line " in found
    assert what in found


@pytest.mark.parametrize(
    "text",
    [
        "interval = 1\ninterval = 2\n",
        'service = "shop\n',
        "[samplers\n",
        "[[adapters]]\nx = [1\n",
        "x = 1979-13-01\n",
    ],
)
def test_a_mistake_in_toml_is_taken_for_nothing_else(tmp_path, text) -> None:
    """The place is enough."""
    assert ": it looks" not in said(tmp_path, text.encode())
    assert "quotes" not in said(tmp_path, text.encode())


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\xef\xbb\xbfinterval = 1\n", "begins with a byte order mark: save it as UTF-8 without"),
        ("interval = 1\n".encode("utf-16"), "is UTF-16 text"),
        ("interval = 1\n".encode("utf-16-be"), "is UTF-16 text without a byte order mark"),
        ("interval = 1\n".encode("utf-16-le"), "is UTF-16 text without a byte order mark"),
        (b"\xff\xfe", "is UTF-16 text"),
        ("service = 'caf\xe9'\n".encode("latin-1"), "is not UTF-8 text at byte 14"),
    ],
)
def test_another_encoding_is_recognised(tmp_path, data, what) -> None:
    """With the remedy."""
    assert what in said(tmp_path, data)


@pytest.mark.parametrize("text", ["", "\n", "[samplers]\n\tmax_series\t=\t7\t# tabs\r\n", "x=1\r"])
def test_what_is_toml_is_read(tmp_path, text) -> None:
    """Tabs, any line ends, and nothing at all."""
    file = tmp_path / "sampler.toml"
    file.write_text(text.replace("x=1", "interval=1"), newline="")
    assert read(file).samplers.max_series == (7 if "tabs" in text else 2000)


@given(st.text(max_size=300))
def test_any_text_has_an_answer_in_one_line(text) -> None:
    """Which quotes at most the names of keys."""
    assert "\n" not in seems(text)


@pytest.mark.parametrize("part", ["#  \n", "a = b ", "a:" * 9, "[" * 9, "/*", " ", "- \n"])
def test_no_file_takes_long(part) -> None:
    """A mebibyte of what patterns find hard."""
    begun = time.process_time()
    seems(part * (2**20 // len(part)))
    assert time.process_time() - begun < 5.0


def test_no_value_is_quoted(tmp_path) -> None:
    """It may be a secret."""
    for text in ("password = hunter22\n", "password: hunter22\n", '{"password": "hunter22"}'):
        assert "hunter22" not in said(tmp_path, text.encode())
