"""Heads of HTTP messages, before anything parses them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampler.adapterkit._http.head import MAX_HEAD, MAX_LINE, BadMessage, Head

ALLOWED = st.lists(
    st.sampled_from([b"a", b" ", b"\t", b"\xb5", b"\r\n", b"\n", b":", b"\x80"]), max_size=40
).map(b"".join)
CONTROLS = [byte for byte in (*range(32), 127) if byte not in b"\t\r\n"]


def whole(data: bytes) -> tuple[bytes | None, bytes]:
    head = Head()
    return head.feed(data), head.rest


@given(ALLOWED, st.data())
def test_a_head_is_the_same_however_it_is_cut(data, drawn):
    """Even within a line end; bytes after the head are returned."""
    data = b"GET\r\n" + data + b"\r\n\r\nrest"
    expected, rest = whole(data)
    assert expected is not None
    assert expected + rest == data
    cuts = sorted(drawn.draw(st.lists(st.integers(0, len(data)), max_size=8)))
    head, found = Head(), None
    parts = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    for number, part in enumerate(parts):
        if (found := head.feed(part)) is not None:
            assert head.rest + b"".join(parts[number + 1 :]) == rest
            break
    assert found == expected


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("begin", [b"", b"GET / HTTP/1.1\r\nA: " + b" " * 4000])
def test_a_control_character_is_refused_at_once(control, begin):
    """Before the head is complete; tab and line ends are allowed."""
    with pytest.raises(BadMessage, match="control character") as caught:
        Head().feed(begin + bytes([control]))
    assert caught.value.status == 400


@pytest.mark.parametrize("text", [b"a\rb\r\n\r\n", b"a\r\r\n\r\n", b"\r a\n\n"])
def test_a_carriage_return_alone_is_refused(text):
    """Some parsers take it for a line end."""
    with pytest.raises(BadMessage, match="carriage return"):
        Head().feed(text)


def test_what_follows_a_head_is_not_judged():
    """A body may hold anything."""
    assert whole(b"GET\r\n\r\n\0\x1b") == (b"GET\r\n\r\n", b"\0\x1b")


@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_sizes_are_bounded_however_it_comes(step):
    """The first line by itself, with 414; the head with 431."""
    for text, status in ((b"G" * 100_000, 414), (b"G\r\n" + b"a: b\r\n" * 20_000, 431)):
        head = Head(MAX_LINE)
        with pytest.raises(BadMessage) as caught:
            for at in range(0, len(text), step):
                head.feed(text[at : at + step])
                assert at <= MAX_HEAD, "it is refused as soon as it is too long"
        assert caught.value.status == status


def test_the_longest_first_line_is_taken():
    """To the byte, its end not counted."""
    for end in (b"\r\n\r\n", b"\n\n"):
        longest = b"G" * (4096 - len(end) // 2 + 1)
        head = Head(MAX_LINE)
        assert head.feed(longest + end) == longest + end
        with pytest.raises(BadMessage) as caught:
            Head(MAX_LINE).feed(b"G" + longest + end)
        assert caught.value.status == 414


def test_the_longest_head_is_taken():
    """To the byte."""
    text = b"G\r\n" + b"a" * (MAX_HEAD - 7) + b"\r\n\r\n"
    assert len(text) == MAX_HEAD
    assert whole(text)[0] == text
    with pytest.raises(BadMessage):
        whole(b"G" + text)


def test_a_second_head_begins_anew():
    """As after an interim reply."""
    head = Head()
    assert head.feed(b"A\r\n\r\n") == b"A\r\n\r\n"
    assert head.feed(b"B\r\n\r\n") == b"B\r\n\r\n"


def test_a_refusal_says_why_and_nothing_else():
    """It is sent to the client."""
    with pytest.raises(BadMessage) as caught:
        whole(b"GET\r\n" + b"x" * MAX_HEAD)
    assert str(caught.value) == f"its head has more than {MAX_HEAD} bytes"
    assert caught.value.status == 431
