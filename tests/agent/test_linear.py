"""What reads foreign text takes a time that grows as the text does, and no faster.

Every pattern of the product is found, in its source and in its modules, and tried in the ways in
which it is used; so is every parser of foreign text.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import sampler
import sampler_cloudwatch
import sampler_dogstatsd
import sampler_graphite
import sampler_influx
import sampler_json
import sampler_otlp
import sampler_prometheus
import sampler_remote_write
import sampler_statsd
from sampler import ConfigurationError
from sampler._runtime.printable import one_line, printable
from sampler.adapterkit._http.exchange import Exchange
from sampler.adapterkit._http.head import BadMessage, Head
from sampler.adapterkit._http.hosts import answers_to, host_fault
from sampler.adapterkit.dotted_paths import placeholder_fault
from sampler.adapterkit.http import Connection
from sampler.adapterkit.retry_after import retry_after
from sampler.advise import read_page, read_recording, recording_head
from sampler.agent.config import secrets
from sampler.agent.config.reading import parse
from sampler_prometheus._adapter import listen_fault
from sampler_prometheus._negotiate import content_type, wants_gzip
from sampler_prometheus._push import url_fault

PACKAGES = (
    sampler,
    sampler_cloudwatch,
    sampler_dogstatsd,
    sampler_graphite,
    sampler_influx,
    sampler_json,
    sampler_otlp,
    sampler_prometheus,
    sampler_remote_write,
    sampler_statsd,
)
MODULES = [
    importlib.import_module(each.name)
    for package in PACKAGES
    for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not each.name.endswith("__main__")
    and not each.name.startswith(("sampler.contrib.", "sampler.samplers.servers."))
]
"""All but those that import other packages, which would publish their samplers here."""
WAYS = ("match", "fullmatch", "search", "sub", "findall", "finditer", "split")
UNITS = [
    *(" ", "\t", "a", "A", "0", "9", ".", "-", "_", ":", ",", ";", "=", "/", "@", "{", "}", "$"),
    *(
        '"',
        "'",
        "\\",
        "\n",
        "\r\n",
        "#",
        "a ",
        "a.",
        "a,",
        "a=b;",
        "://",
        "a://",
        "a:/",
        "${",
        "{a",
    ),
    *(
        "1.",
        "1,",
        "q=0;",
        "a\n",
        " \n",
        "\n ",
        "(a",
        "))",
        "[",
        "]",
        "\x1b",
        "\u00e9",
        "*",
        "`",
        "``",
    ),
]
ENDS = ["", "\0", "!", "\n", "\u00b5", "@", "}", " x"]
BEGINS = ["", "a", "A: ", "{", "://", "1", "HTTP/1.1 200 ", '"']
SMALL, STEPS = 1024, 3
OURS = ("sampler.cli.explain",)  # the number of a clause, in our own draft
LOOK = 0.02
"""Seconds of processor below which nothing is said about growth."""


class Use(NamedTuple):
    """One use of a pattern, or of the module `re`, in the sources."""

    where: str
    owner: Any
    way: str
    literal: str | None


def uses():
    """Return every use of a pattern in the sources."""
    for module in MODULES:
        file = inspect.getsourcefile(module)
        tree = ast.parse(Path(file).read_text())
        given = {id(n.func): n.args for n in ast.walk(tree) if isinstance(n, ast.Call)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                owner = getattr(module, node.value.id, None)
                if isinstance(owner, re.Pattern) or node.value.id == "re":
                    first = (given.get(id(node)) or [None])[0]
                    literal = first.value if isinstance(first, ast.Constant) else None
                    where = f"{module.__name__}:{node.lineno}"
                    yield Use(where, re if node.value.id == "re" else owner, node.attr, literal)


USES = list(uses())
NAMED = {
    f"{module.__name__}.{name}": value
    for module in MODULES
    for name, value in vars(module).items()
    if isinstance(value, re.Pattern)
}
INSIDE = {
    f"{module.__name__}.{name}.{field}": value
    for module in MODULES
    for name, held in vars(module).items()
    if type(owner := getattr(held, "__self__", held)).__module__ in {m.__name__ for m in MODULES}
    for field, value in getattr(owner, "__dict__", {}).items()
    if isinstance(value, re.Pattern)
}
"""Of objects that a module holds, or whose method it holds: they are used by their class."""
PATTERNS = {
    **{name: (value, {u.way for u in USES if u.owner is value}) for name, value in NAMED.items()},
    **{name: (value, {"fullmatch", "sub"}) for name, value in INSIDE.items()},
    **{
        use.where: (re.compile(use.literal), {use.way})
        for use in USES
        if use.owner is re and use.way in WAYS and use.literal
    },
}


def grown(half, whole):
    return whole > LOOK and whole > 3 * max(half, LOOK / 3)


def growth(call, make):
    """Return whether a call on texts that double takes more than three times as long each time."""
    sizes = [SMALL << step for step in range(STEPS + 1)]

    def best(size):
        text = make(size)
        taken = []
        for _ in range(3):
            began = time.thread_time()
            call(text)
            taken.append(time.thread_time() - began)
            if taken[-1] > 1.0:
                break
        return min(taken)

    before = best(sizes[0])
    for size in sizes[1:]:
        now = best(size)
        if grown(before, now) and grown(best(size // 2), best(size)):  # once may be the machine
            return f"{size} characters take {now:.3f} s, half of them {before:.3f} s"
        before = now
    return ""


def texts(begins=BEGINS, ends=ENDS):
    """Return what makes texts of a size: repeated units, with a beginning and an end."""
    for unit in UNITS:
        for begin in begins:
            for end in ends:
                yield (
                    lambda size, b=begin, u=unit, e=end: b + u * (size // len(u)) + e,
                    (begin, unit, end),
                )


def refuse_quadratic(call, encode=lambda text: text, *which):
    """Fail where a call takes more than three times as long for a text that is twice as long."""
    for make, what in texts(*which):
        # A text of middle size first: nearly all of them are done at once.
        text = encode(make(SMALL << STEPS))
        began = time.thread_time()
        call(text)
        if time.thread_time() - began < LOOK:
            continue
        assert not (said := growth(call, lambda size, m=make: encode(m(size)))), f"{what}: {said}"


@pytest.mark.scenario(44)
def test_every_pattern_of_the_product_is_known():
    """Each is a name of its module or of an object there, or stands where it is used."""
    compiled = [use for use in USES if use.owner is re and use.way == "compile"]
    fields = {name.rpartition(".")[2] for name in INSIDE}
    assert len(compiled) == len(NAMED) + len(fields) > 15
    for use in USES:
        if use.owner is re and use.way in WAYS:
            assert use.literal or use.where.split(":")[0] in OURS, f"{use.where}: made at run time"


@pytest.mark.scenario(44)
@pytest.mark.parametrize("name", PATTERNS)
def test_no_pattern_takes_longer_than_its_text_is_long(name):
    """In each way in which it is used."""
    pattern, ways = PATTERNS[name]
    assert ways & {*WAYS}, f"{name}: nobody uses it"
    for way in ways & {*WAYS}:
        use = getattr(pattern, way)
        call = {
            "sub": lambda text, use=use: use(text[:0], text),
            "finditer": lambda text, use=use: list(use(text)),
        }.get(way, use)
        if isinstance(pattern.pattern, bytes):
            refuse_quadratic(call, lambda text: text.encode("utf-8"))
        else:
            refuse_quadratic(call)


def request(text):
    """Let a server read it, as a field and as a request line."""
    for begin in (b"GET / HTTP/1.1\r\nHost: x\r\nA:", b"GET ", b""):
        exchange = Exchange()
        try:
            exchange.receive(begin + text + b"\r\n\r\n")
        except BadMessage:
            continue


class Peer:
    """A connection whose other side has said all it says."""

    def __init__(self, said):
        self._said = said

    def settimeout(self, _):
        pass

    def sendall(self, _):
        pass

    def recv(self, size):
        said, self._said = self._said[:size], self._said[size:]
        return said


def reply(text):
    """Let a client read it: as a status line, a field, a body, a chunk's head, a trailer."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    for begin in (
        b"",
        b"HTTP/1.1 200 ",
        b"HTTP/1.1 200 OK\r\nA:",
        chunked,
        chunked + b"1;",
        chunked + b"0\r\nA:",
    ):
        connection = Connection(Peer(begin + text + b"\n\r\nx\r\n\r\n"), "x", float("inf"))
        try:
            connection.request("GET", "/")
        except OSError:
            continue


def head(text):
    with suppress(BadMessage):
        Head().feed(text)


def dripped(text):
    reading = Head()
    with suppress(BadMessage):
        for at in range(0, len(text), 16):
            reading.feed(text[at : at + 16])


def remembered(text):
    for secret in ("hunter2x", "aaaaaaaaab", "secret", "        x"):
        secrets.remember(secret)
    return secrets.masked(text)


def scraped(text):
    """Let ``sampler advise`` read a page."""
    return read_page(f"{text}\n", at=1.0, time=1.0)


PARSERS = {
    "request": (request, lambda text: text.encode("latin-1", "replace")),
    "reply": (reply, lambda text: text.encode("utf-8")),
    "head": (head, lambda text: text.encode("utf-8")),
    "dripped head": (dripped, lambda text: text.encode("utf-8")),
    "Accept": (content_type, None),
    "Accept-Encoding": (wants_gzip, None),
    "Retry-After": (lambda text: retry_after(text, 0.0), None),
    "Host": (lambda text: answers_to(text, ()), None),
    "hosts": (host_fault, None),
    "listen": (listen_fault, None),
    "url": (url_fault, None),
    "job": (placeholder_fault, None),
    "masked": (remembered, None),
    "masked_line": (secrets.masked_line, None),
    "printable": (printable, None),
    "line": (one_line, None),
    "page's labels": (lambda text: scraped(f"process_uptime_seconds{{{text}\n"), None),
    "page": (scraped, None),
    "recording": (lambda text: read_recording([recording_head("x"), text]), None),
}


@pytest.mark.scenario(44)
@pytest.mark.parametrize(("parser", "encode"), PARSERS.values(), ids=PARSERS)
def test_no_parser_takes_longer_than_its_text_is_long(parser, encode):
    """What is bounded is tried through its bound."""
    refuse_quadratic(parser, encode or (lambda text: text), ("", "a"), ("", "\0", "@", " x"))


@pytest.mark.scenario(44)
@pytest.mark.parametrize(
    "key", ["interval", "service", "prometheus.listen", "pushgateway.url", "pushgateway.job"]
)
def test_no_key_takes_longer_than_its_value_is_long(key):
    """However it is wrong, and whatever it refers to."""

    def configured(text):
        adapter, dot, name = key.partition(".")
        with suppress(ConfigurationError):
            parse({"adapters": {adapter: {name: text}}} if dot else {key: text})

    for unit in ("a", " ", "${", "${a}", "$${", "{", "{a", "://", "a@", ":", "\n", "9", "\x1b"):
        said = growth(configured, lambda size, unit=unit: unit * (8 * size // len(unit)))
        assert not said, f"{unit}: {said}"


@pytest.mark.scenario(44)
@pytest.mark.parametrize(
    "unit", ["a", "://", "://@", "a://b", "x://y@z ", "hunter2", "secret", " "]
)
def test_masking_a_megabyte_takes_no_longer_than_it_must(unit):
    """With many secrets, too, as a program has that reloads for years."""
    for number in range(200):
        secrets.remember(f"password-{number}")
    said = growth(secrets.masked, lambda size: unit * (64 * size // len(unit)))
    assert not said


@pytest.mark.scenario(44)
@pytest.mark.parametrize(
    "pattern",
    [r"([!#a-z]+):[ \t]*([^\0\r\n]*?)[ \t]*\Z", r"([a-z][a-z0-9]*://)[^\s/]*@"],
)
def test_what_backtracks_is_found(pattern):
    """The patterns that stopped programs."""
    bad = re.compile(pattern)
    with pytest.raises(AssertionError, match="characters take"):
        refuse_quadratic(bad.search)
