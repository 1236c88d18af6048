"""Requests and replies that are nearly right, and many that are not, made from a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

METHODS = [b"GET"] * 20 + [
    b"HEAD",
    b"POST",
    b"PUT",
    b"CONNECT",
    b"get",
    b"B\xb5",
    b"PRI",
    b"",
]
TARGETS = [b"/metrics"] * 15 + [
    *(b"/metrics", b"/metrics", b"/", b"/-/healthy", b"/-/ready", b"/metrics?a=b", b"*"),
    *(b"http://127.0.0.1/metrics", b"http://evil.example/metrics", b"//x", b"/%00", b"/\xff"),
    *(b"example.org:443", b"http://", b"https://[::1", b"/" + b"x" * 5000),
]
VERSIONS = [b"HTTP/1.1"] * 30 + [
    b"HTTP/1.0",
    b"HTTP/0.9",
    b"HTTP/2.0",
    b"HTTP/1.12",
    b"http/1.1",
    b"",
]
NAMES = [
    *(b"Host", b"Accept", b"Accept-Encoding", b"Authorization", b"Connection", b"Expect"),
    *(
        b"Content-Length",
        b"Transfer-Encoding",
        b"Upgrade",
        b"Host ",
        b" Host",
        b"X\xb5",
        b"",
        b"A",
    ),
    *(b"Retry-After", b"Location", b"Trailer", b"Content-Encoding", b"Content-Type"),
]
VALUES = [
    *(b"localhost", b"127.0.0.1:9464", b"[::1]", b"evil.example", b"[", b"a:b:c", b"", b"*/*"),
    *(b"application/openmetrics-text;version=1.0.0", b"gzip", b"gzip;q=0.5,identity;q=0.5"),
    *(b";=,;q=x", b"Basic cDpw", b"\xb5 x", b"close", b"keep-alive", b"100-continue", b"h2c"),
    *(b"0", b"5", b"-1", b"+1", b"99999999999999999999", b"1" * 400, b"chunked", b"gzip, chunked"),
    *(b"Fri, 31 Dec 9999 23:59:59 GMT", b"nan", b"\xd9\xa3", b"a" + b" " * 7000 + b"b"),
    *(b" " * 3000 + b"\0", b"\x1b[2J\x1b]0;owned\x07", b"x" * 8200, b"a\rb", b"\t\t"),
]
ENDS = [b"\r\n"] * 40 + [b"\n", b"\r", b"\r\r\n", b"\0\r\n"]
STATUSES = [b"200", b"202", b"204", b"100", b"101", b"199", b"301", b"304", b"400", b"401", b"429"]
STATUSES += [b"500", b"503", b"600", b"999", b"99", b"-20", b"2000", b"\xd9\xa3", b""]
CHUNKS = [
    *(
        b"5\r\nhello\r\n",
        b"0\r\n\r\n",
        b"-1\r\n",
        b"-5\r\nabc\r\n",
        b"zz\r\n",
        b"5;a=b\r\nhello\r\n",
    ),
    *(
        b"ffffffffffffffffffff\r\n",
        b"1\r\nxx",
        b"0\r\nA: b\r\n\r\n",
        b"0\r\nA:" + b" " * 200 + b"\0\r\n\r\n",
    ),
    *(b"1;" + b" " * 9000 + b"\nx\r\nx\r\n", b"1\r\nx\r\n" * 50, b"5\r\n\x1b[2Jx\r\n"),
]
WELL_FORMED = [
    *(b"Accept: */*\r\n", b"Accept-Encoding: gzip\r\n", b"User-Agent: x/1 (y)\r\n"),
    *(b"Accept: application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1\r\n", b"A:\r\n"),
    *(b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Retry-After: 3\r\n"),
    *(
        b"Connection: close\r\n",
        b"Connection: keep-alive, Upgrade\r\n",
        b"Expect: 100-continue\r\n",
    ),
]
CONTROLS = bytes(range(32)) + b"\x7f\xff\xb5"


def request(random: Random) -> bytes:
    """Return the bytes of one request, or of nearly one."""
    line = b" ".join((random.choice(METHODS), random.choice(TARGETS), random.choice(VERSIONS)))
    head = line + random.choice(ENDS)
    if random.random() < 0.7:
        head += b"Host: localhost\r\n"
    head += fields(random)
    if random.random() < 0.9:
        head += b"\r\n"
    if random.random() < 0.2:
        head += body(random)
    return damaged(random, head)


def reply(random: Random) -> bytes:
    """Return the bytes of one answer, or of nearly one."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\n" * random.choice([0] * 9 + [1, 8, 9, 1000])
    reason = random.choice([b" OK"] * 9 + [b"", b" ", b" \x1b[2J", b" " + b"a" * 9000, b" \xff"])
    line = random.choice(VERSIONS) + b" " + random.choice(STATUSES) + reason
    return damaged(
        random, interim + line + random.choice(ENDS) + fields(random) + b"\r\n" + body(random)
    )


def fields(random: Random) -> bytes:
    """Return some header fields."""
    count = random.choice([0, 0, 1, 1, 2, 3, 8, 300])
    return b"".join(field(random) for _ in range(count))


def field(random: Random) -> bytes:
    """Return a header field, most often a good one."""
    if random.random() < 0.8:
        return random.choice(WELL_FORMED)
    name, value = random.choice(NAMES), random.choice(VALUES)
    return name + random.choice([b": ", b":", b" : ", b""]) + value + random.choice(ENDS)


def body(random: Random) -> bytes:
    """Return a body, in chunks or not."""
    if random.random() < 0.5:
        return b"".join(random.choice(CHUNKS) for _ in range(random.randrange(6)))
    return random.choice([b"", b"hello", b"x" * 70_000, b"\x1b[2J", b"GET / HTTP/1.1\r\n\r\n"])


def damaged(random: Random, message: bytes) -> bytes:
    """Return a message as it is, or cut, or with bytes changed, put in or twice."""
    how = random.randrange(12)
    at = random.randrange(len(message) + 1)
    if how == 0:
        return message[:at]
    if how == 1:
        return message[:at] + bytes([random.choice(CONTROLS)]) + message[at + 1 :]
    if how == 2:
        return (
            message[:at]
            + bytes([random.choice(CONTROLS)]) * random.choice([1, 3, 2000])
            + message[at:]
        )
    if how == 3:
        return message[:at] + random.randbytes(random.choice([1, 20, 500])) + message[at:]
    if how == 4:
        return message + message
    return message


def pieces(random: Random, message: bytes) -> list[bytes]:
    """Return a message in the parts in which it is sent."""
    if random.random() < 0.6 or len(message) < 2:
        return [message]
    cuts = sorted(random.randrange(1, len(message)) for _ in range(random.choice([1, 2, 5])))
    return [message[a:b] for a, b in zip([0, *cuts], [*cuts, len(message)], strict=True) if a < b]
