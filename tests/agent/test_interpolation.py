"""Variables and secrets in ``sampler.toml``."""

from __future__ import annotations

import attrs
import pytest

from sampler import ConfigurationError
from sampler.agent import DELIVERED, option
from sampler.agent.config.reading import parse


@attrs.define(eq=False)
class Vault:
    """An adapter with a secret and one setting of each type."""

    password: str | None = option(None, "A secret.", kind=str, secret=True)
    host: str = option("h", "A text.")
    port: int = option(1, "A number.", minimum=1, maximum=65535)
    ratio: float = option(0.5, "A number.")
    on: bool = option(default=False, help="A switch.")
    names: tuple[str, ...] = option((), "A list.")
    words: dict[str, str] = option({}, "A table.")
    level: str = option("low", "A choice.", choices=("low", "high"))

    def encode(self, snapshot, since):
        yield from ()

    def send(self, batch, timeout):
        return DELIVERED


class Plugin:
    """Its installed plugin."""

    def load(self):
        return Vault


@pytest.fixture(autouse=True)
def announced(monkeypatch):
    """The only adapter there is."""
    monkeypatch.setattr(
        "sampler.agent.config.reading.installed_plugins", lambda: {"vault": Plugin()}
    )


def vault(**keys) -> Vault:
    """Return the adapter of a configuration."""
    return parse({"adapters": {"vault": keys}}).adapters[0].adapter


def problems(**keys) -> list[str]:
    """Return what is wrong with a configuration."""
    with pytest.raises(ConfigurationError) as caught:
        vault(**keys)
    return list(caught.value.problems)


def private(folder, text):
    """Return a file that nobody else may read."""
    file = folder / "secret"
    file.touch(0o600)
    file.write_text(text)
    return file


def test_a_variable_is_filled_in(monkeypatch) -> None:
    """Anywhere in a text, in lists and tables too, any number of times."""
    monkeypatch.setenv("WHERE", "eu")
    found = vault(
        host="${WHERE}.example.${WHERE}",
        names=["a", "${WHERE}"],
        words={"x": "in ${WHERE}"},
        password="p${WHERE}",
    )
    assert (found.host, found.names, found.words) == ("eu.example.eu", ("a", "eu"), {"x": "in eu"})
    assert found.password == "peu"
    assert {type(each) for each in (found.host, *found.names, *found.words.values())} == {str}


def test_a_variable_may_be_a_number_or_a_switch(monkeypatch) -> None:
    """Where the key has that type."""
    monkeypatch.setenv("PORT", "99")
    monkeypatch.setenv("RATIO", "0.25")
    monkeypatch.setenv("ON", "true")
    found = vault(port="${PORT}", ratio="${RATIO}", on="${ON}")
    assert (found.port, found.ratio, found.on) == (99, 0.25, True)


def test_two_dollars_are_one() -> None:
    """So a text can hold what looks like a reference; any other dollar stays as it is."""
    assert vault(host="$${HOME} $5 $HOME").host == "${HOME} $5 $HOME"


def test_a_text_is_filled_in_once(monkeypatch) -> None:
    """A reference inside a variable's value is not filled in."""
    monkeypatch.setenv("OUTER", "${INNER}")
    assert vault(host="${OUTER}").host == "${INNER}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${NOT_THERE}", "adapters.vault.host: the environment has no variable NOT_THERE: set it"),
        ("${}", "adapters.vault.host: '${}' does not name a variable"),
        ("${a b}", "adapters.vault.host: '${a b}' does not name a variable"),
        ("${HOME", "adapters.vault.host: '${' does not name a variable"),
    ],
)
def test_a_bad_reference_is_named(text, said, monkeypatch) -> None:
    """With its key and the remedy."""
    monkeypatch.delenv("NOT_THERE", raising=False)
    (problem,) = problems(host=text)
    assert problem.startswith(said)


def test_all_missing_variables_are_reported_at_once() -> None:
    """Beside other problems."""
    found = problems(host="${NOT_A}", names=["${NOT_B}"], port=0)
    assert ["NOT_A" in found[0], "NOT_B" in found[1]] == [True, True]
    assert any("must be at least 1" in each for each in found)


def test_an_error_shows_a_variable_as_it_is_written(monkeypatch) -> None:
    """What it holds may be a secret."""
    monkeypatch.setenv("HIDDEN", "hunter2")
    found = problems(level="${HIDDEN}", port="${HIDDEN}")
    assert not any("hunter2" in each for each in found)
    assert any("'${HIDDEN}'" in each for each in found)


def test_a_secret_comes_from_the_first_line_of_a_file(tmp_path) -> None:
    """Without its end; only where a secret is wanted."""
    file = private(tmp_path, "hunter2\nmore\n")
    assert vault(password=f"file:{file}").password == "hunter2"
    assert vault(host=f"file:{file}").host == f"file:{file}"


def test_a_secret_is_never_shown(tmp_path, monkeypatch) -> None:
    """Not by the adapter, its settings, or an error."""
    monkeypatch.setenv("HIDDEN", "hunter2")
    file = private(tmp_path, "hunter2")
    for given in ("hunter2", "${HIDDEN}", f"file:{file}"):
        (adapter_settings,) = parse({"adapters": {"vault": {"password": given}}}).adapters
        assert adapter_settings.adapter.password == "hunter2"
        assert "hunter2" not in repr(adapter_settings) + str(adapter_settings) + repr(
            adapter_settings.adapter
        )
    assert not any("7777" in each for each in problems(password=7777))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "cannot be read: No such file"),
        (lambda path: path.write_text("\n"), "empty first line"),
        (lambda path: path.write_bytes(b"\xff"), "is not UTF-8"),
        (lambda path: path.mkdir(), "cannot be read: Is a directory"),
    ],
)
def test_a_secrets_file_that_cannot_be_used_is_named(make, said, tmp_path) -> None:
    """With its path and the reason."""
    path = tmp_path / "secret"
    make(path)
    path.exists() and path.chmod(0o700)
    (problem,) = problems(password=f"file:{path}")
    assert problem.startswith(f"adapters.vault.password: {str(path)!r} ")
    assert said in problem


def test_adapter_settings_with_equal_tables_are_equal(monkeypatch) -> None:
    """After filling in: that is how a reload knows what has changed."""
    monkeypatch.setenv("WHERE", "eu")
    one, two, three = (
        parse({"adapters": {"vault": {"host": host}}}).adapters[0]
        for host in ("${WHERE}", "eu", "us")
    )
    assert one == two
    assert one != three
