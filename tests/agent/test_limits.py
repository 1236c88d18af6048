"""What a configuration may hold: every key has a range, every input a size."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampler import ConfigurationError
from sampler.agent import option, options
from sampler.agent.config.files import MAX_BYTES, read_plain_file
from sampler.agent.config.limits import MAX_DEPTH, MAX_ITEMS, MAX_TEXT, MAX_VALUES
from sampler.agent.config.plugins import installed_plugins
from sampler.agent.config.reading import parse, read
from sampler.agent.config.settings import DeliverySettings, ProgramSettings, SamplersSettings
from sampler.agent.delivery.encoding import Encoder
from sampler.exceptions import MAX_PROBLEMS
from tests.support.certificates import issue

OURS = {
    f"{cls.__name__}.{key}": each
    for cls in (
        ProgramSettings,
        SamplersSettings,
        DeliverySettings,
        *(e.load() for e in installed_plugins().values()),
    )
    for key, each in options(cls).items()
}
NUMERIC = [
    key for key, each in OURS.items() if each.kind in (int, float) or each.items in (int, float)
]
HUGE = [10**19, -(10**19), 2**63, 10**400, 16**5000, float("inf"), float("-inf"), float("nan")]


@pytest.mark.parametrize("key", NUMERIC)
def test_every_number_has_a_lowest_and_a_highest(key: str) -> None:
    """So that none is left out by whoever adds a key; what lies beyond is said in one line."""
    each = OURS[key]
    assert each.minimum is not None, key
    assert each.maximum is not None, key
    for number in HUGE:
        given = [number] if each.kind is tuple else number
        fault = each.fault(given)
        assert fault
        assert len(fault) < 200
        assert "\n" not in fault


def one_line(error: ConfigurationError) -> str:
    """Return the only problem, which is short."""
    (problem,) = error.problems
    assert len(problem) < 1_100
    assert problem.isprintable()
    return problem


def refused(text: str | bytes, folder: Path) -> str:
    file = folder / "sampler.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigurationError) as refusal:
        read(file)
    return one_line(refusal.value)


@pytest.mark.scenario(56)
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("interval = " + "[" * 5_000, "nested too deeply"),
        ("interval = " + "[" * 50 + "]" * 50, "interval: is nested deeper than 8 tables"),
        ("a = " + "{a = " * 5_000 + "1" + "}" * 5_000, "nested too deeply"),
        (".".join("a" * 3_000) + " = 1", "too many dots, at line 1"),
        ("\n".join(f"a{n}.{'.'.join('b' * 500)} = 1" for n in range(900)), "dots, at line 9"),
        (f"[samplers.{'.'.join('a' * 900)}]\nx = 1", "deeper than 8 tables"),
        ("interval = " + "9" * 5_000, "thousands of digits"),
        ("interval = 1" + "0" * 400, "interval: has an integer of more than 64 bits"),
        ("interval = 0x" + "f" * 9_000, "interval: has an integer of more than 64 bits"),
        ("[adapters.graphite]\nport = 1" + "0" * 400, "adapters.graphite.port: has an integer of"),
        (
            "[adapters.graphite]\nquantiles = [1" + "0" * 400 + "]",
            "graphite.quantiles: has an integer",
        ),
        ("interval = 1e999", "must be a finite number"),
        ("interval = nan", "must be a finite number"),
        (f'service = "{"x" * 20_000}"', "service: has more than 16,384 characters"),
        ('service = "a\\u0000b"', "service: has a NUL character"),
        ('[adapters.graphite.paths]\n"a" = "\\u0000"', "graphite.paths.a: has a NUL character"),
        (f"{'k' * 2_000} = 1", "is not a key"),
        ('[adapters."\\u001b[31m"]', "is not a key"),
        (f"[samplers]\nenable = {['a'] * 1_001}", "samplers.enable: has more than 1,000 items"),
        ("\n".join(f"k{n} = 1" for n in range(20_000)), "more than 1,000 items"),
        (
            "\n".join(f"[adapters.a{n}]" for n in range(3_000)),
            "adapters: has more than 1,000 items",
        ),
        (
            "\n".join(f"[adapters.a{n}]\nx = {[1] * 999}" for n in range(12)),
            "more than 10,000 keys and items",
        ),
        ("#" + "x" * MAX_BYTES, "more than 1,048,576 bytes"),
        (b"\xff\xfei\0", "UTF-16"),
        (b"\xef\xbb\xbfinterval = 1", "byte order mark"),
        (b"interval = \xff", "is not UTF-8 text at byte 11"),
        (b"interval\0 = 1", "not valid TOML"),
        (
            '[adapters.prometheus]\nlisten = "127.0.0.1:' + "9" * 5_000 + '"',
            "listen: the port must",
        ),
        (
            '[adapters.prometheus]\nlisten = "127.0.0.1:' + "0" * 5_000 + '"',
            "listen: the port must",
        ),
        ('interval = "' + "a" * 16_000 + '"', "interval: expected a number, got 'aaa"),
    ],
    ids=lambda given: None if len(given) > 60 else given,
)
def test_what_is_too_large_or_no_text_is_one_line(
    text: str | bytes, words: str, tmp_path: Path
) -> None:
    """Which key, and what is wrong with it."""
    assert words in refused(text, tmp_path)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_end_of_a_line_will_do(end: str, tmp_path: Path) -> None:
    """Of whichever system the file was written on."""
    file = tmp_path / "sampler.toml"
    file.write_bytes(f"interval = 7{end}service = 'x'{end}".encode())
    assert (read(file).program.interval, read(file).program.service) == (7, "x")


def test_as_much_as_there_may_be(tmp_path: Path) -> None:
    """A thousand samplers, texts of every length, and tables where keys have them."""
    names = [f"s{n}" for n in range(MAX_ITEMS)]
    text = f'service = "{"x" * MAX_TEXT}"\n[samplers]\nenable = {names}\n'
    file = tmp_path / "sampler.toml"
    file.write_text(text)
    assert len(read(file).samplers.enable or ()) == MAX_ITEMS


NO_FILES = {
    "/dev/zero": "a pipe or a device",
    "/dev/full": "a pipe or a device",
    "/dev/null": "a pipe or a device",
    "/": "Is a directory",
    "/proc/self/mem": "cannot be read",
    "/proc/self/pagemap": "more than 1,048,576 bytes",
    "a\0b": "embedded null",
    "\udcff": "No such file",
    "x" * 5_000: "File name too long",
    "": "No such file",
}


@pytest.fixture
def fifo(tmp_path: Path) -> str:
    path = str(tmp_path / "fifo")
    os.mkfifo(path)
    return path


@pytest.fixture
def listener(tmp_path: Path) -> Any:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        yield path


@pytest.mark.scenario(56)
@pytest.mark.parametrize("file", [*NO_FILES, "fifo", "listener"])
def test_what_is_no_plain_file_is_not_waited_for(
    file: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """As configuration, secret, certificate or its key: one line, nothing read without end."""
    words = NO_FILES.get(file, "cannot be read" if file == "listener" else "a pipe or a device")
    file = request.getfixturevalue(file) if file in ("fifo", "listener") else file
    tracemalloc = pytest.importorskip("tracemalloc")
    tracemalloc.start()
    try:
        with pytest.raises(ConfigurationError) as refusal:
            read(file)
        assert words in one_line(refusal.value)
        if "\0" in file:
            return
        secret = {"username": "a", "password": f"file:{file}"}
        cert = str(issue(tmp_path, "h")[0])
        for keys in (secret, {"tls_cert": file}, {"tls_cert": cert, "tls_key": file}):
            with pytest.raises(ConfigurationError, match=words):
                parse({"adapters": {"prometheus": keys}, "allow_readable_secrets": True})
        with pytest.raises(ConfigurationError, match=words):
            parse({"adapters": {"pushgateway": {"url": "https://h", "tls_ca": file}}})
        assert tracemalloc.get_traced_memory()[1] < 16 * MAX_BYTES
    finally:
        tracemalloc.stop()


def test_a_file_of_exactly_one_mebibyte_is_read(tmp_path: Path) -> None:
    """One byte more is not."""
    file = tmp_path / "f"
    file.write_bytes(b"x" * MAX_BYTES)
    assert len(read_plain_file(file).data) == MAX_BYTES
    file.write_bytes(b"x" * (MAX_BYTES + 1))
    with pytest.raises(ValueError, match="more than"):
        read_plain_file(file)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("9" * 5_000, "expected an integer, got '${X}'"),
        ("9" * 400, "must be at most 65535"),
        ("-1", "must be at least 1"),
        ("nan", "expected an integer"),
        ("x" * 20_000, "variable X has more than 16,384 characters"),
        ("", "expected an integer"),
        ("\udcff", "expected an integer"),
    ],
)
def test_a_variable_has_the_range_of_its_key(
    value: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As what stands in the file has."""
    monkeypatch.setenv("X", value)
    with pytest.raises(ConfigurationError) as refusal:
        parse({"adapters": {"graphite": {"port": "${X}"}}})
    assert any(words in problem for problem in refusal.value.problems)


def test_variables_cannot_add_up_beyond_the_size_of_a_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A text that names one a thousand times is as long as any other."""
    monkeypatch.setenv("X", "x" * 10_000)
    tracemalloc = pytest.importorskip("tracemalloc")
    tracemalloc.start()
    try:
        with pytest.raises(ConfigurationError, match="has more than 16,384 characters with var"):
            parse({"service": "${X}" * 1_000})
        assert tracemalloc.get_traced_memory()[1] < 40 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("key", ["service", "host", "instance"])
def test_a_name_that_is_no_text_is_refused_where_it_is_written(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``check`` says so, not the agent's start."""
    monkeypatch.setenv("X", "a\udcff")
    with pytest.raises(ConfigurationError, match=f"{key}: is not UTF-8 text"):
        parse({key: "${X}"})


def test_so_many_problems_are_said_and_the_rest_is_counted() -> None:
    """A screen full of them is enough to begin with."""
    with pytest.raises(ConfigurationError) as refusal:
        parse({f"k{n}": 1 for n in range(990)})
    said = str(refusal.value).splitlines()
    assert len(said) == MAX_PROBLEMS + 1
    assert said[-1].endswith(f"... and {990 - MAX_PROBLEMS} more")


@attrs.define
class Third:
    """An adapter of somebody else's that says little of its keys."""

    number: int = option(1, "Any.")
    many: tuple[float, ...] = option((), "Any.", items=float)
    words: dict[str, str] = option({}, "Any.")
    text: str = option("", "Any.", check=lambda text: 1 / len(text.strip("z")) and None)

    def encode(self, snapshot: Any, since: Any) -> Any:
        """Nothing."""

    def send(self, batch: Any, timeout: float) -> Any:
        """Nothing."""


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"number": 2**63}, "number: must be at most 9223372036854775807"),
        ({"number": -(2**63) - 1}, "number: must be at least -9223372036854775808"),
        ({"many": [10**400]}, "many: must be at most"),
        ({"many": [float("nan")]}, "many: must be a finite number"),
        ({"many": [1.0] * 1_001}, "many: has more than 1,000 items"),
        ({"words": {str(n): "" for n in range(1_001)}}, "words: has more than 1,000 items"),
        ({"text": "x" * 16_385}, "text: has more than 16,384 characters"),
    ],
)
def test_an_option_without_a_range_has_the_widest(given: dict[str, Any], words: str) -> None:
    """64 bits, finite, of a bounded size: also where the class is made by hand."""
    with pytest.raises(ValueError, match=words):
        Third(**given)
    assert Third(number=2**63 - 1, text="x").number == 2**63 - 1


@settings(max_examples=50, deadline=None)
@given(
    st.recursive(
        st.integers() | st.text(max_size=5) | st.floats() | st.just("x" * 20_000),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=20,
    )
)
def test_nothing_that_toml_can_say_is_more_than_problems(value: Any) -> None:
    """However deep, in the table of an adapter that takes anything."""
    for table in ({"adapters": {"x": value}}, {"samplers": [value]}, {"x": value}):
        with pytest.raises(ConfigurationError) as refusal:
            parse(table)
        assert all(problem.isprintable() for problem in refusal.value.problems)


def test_limits_are_those_that_the_messages_say() -> None:
    """Whoever changes one reads this."""
    assert (MAX_DEPTH, MAX_ITEMS, MAX_VALUES, MAX_TEXT) == (8, 1_000, 10_000, 16_384)


@pytest.mark.scenario(63)
@pytest.mark.parametrize(
    ("interval", "timeout", "seconds"),
    [
        (1.0, None, 5.0),
        (60.0, None, 60.0),
        (3600.0, None, 300.0),
        (60.0, 2.0, 2.0),
        (1.0, 9.0, 9.0),
    ],
)
def test_an_encoder_has_what_its_interval_leaves(
    interval: float, timeout: float | None, seconds: float
) -> None:
    """All of it, five seconds at least, or what ``encode_timeout`` says."""
    keys = {"type": "graphite", "interval": interval}
    if timeout is not None:
        keys["encode_timeout"] = timeout
    (adapter_settings,) = parse({"adapters": {"g": keys}}).adapters
    encoder = Encoder(
        adapter_settings.name,
        adapter_settings.adapter,
        adapter_settings.interval,
        adapter_settings.encode_timeout,
    )
    assert encoder.deadline == seconds
