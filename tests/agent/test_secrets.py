"""Files of secrets that others can read are refused, and secrets are masked."""

from __future__ import annotations

import io
import logging

import pytest

from sampler import ConfigurationError
from sampler.agent.config.reading import parse, read
from sampler.agent.config.secrets import described, masked, masked_line, remember
from sampler.cli.main import main

LITERAL = 'password = "hunter2x"'
VARIABLE = 'password = "${HIDDEN}"'
MODES = [(0o600, True), (0o400, True), (0o700, True), (0o640, False), (0o604, False)]
MODES += [(0o644, False), (0o444, False), (0o620, True), (0o711, True)]


def configuration(folder, line, mode, top=""):
    """Write a configuration with one adapter, and give it a mode."""
    file = folder / "sampler.toml"
    file.write_text(f'{top}\n[adapters.pushgateway]\nusername = "me"\n{line}\n')
    file.chmod(mode)
    return file


def problem(file):
    """Return the one problem of a configuration, or nothing."""
    try:
        read(file)
    except ConfigurationError as error:
        (said,) = error.problems
        return said
    return ""


@pytest.mark.parametrize(("mode", "fine"), MODES)
def test_a_secret_in_a_file_that_others_can_read_is_refused(tmp_path, mode, fine):
    """With the remedies; group or all others, it is the same."""
    file = configuration(tmp_path, LITERAL, mode)
    said = problem(file)
    assert bool(said) != fine
    if said:
        assert said.startswith("adapters.pushgateway.password: holds a secret, and others")
        assert f"mode {mode:04o}" in said
        for remedy in (f"chmod 600 {file}", "file:/path", "${NAME}", "allow_readable_secrets"):
            assert remedy in said
        assert "hunter2x" not in said


@pytest.mark.parametrize("mode", [mode for mode, _ in MODES])
def test_a_reference_is_not_a_secret(tmp_path, monkeypatch, mode):
    """Others who read the configuration see only a name."""
    monkeypatch.setenv("HIDDEN", "hunter2x")
    assert not problem(configuration(tmp_path, VARIABLE, mode))
    assert not problem(configuration(tmp_path, 'password = "a"', 0o600))


@pytest.mark.parametrize(("mode", "fine"), MODES)
def test_the_file_that_a_secret_names_is_judged_alike(tmp_path, mode, fine):
    """Links are followed."""
    secret, link = tmp_path / "secret", tmp_path / "link"
    secret.write_text("hunter2x\n")
    secret.chmod(mode)
    link.symlink_to(secret)
    said = problem(configuration(tmp_path, f'password = "file:{link}"', 0o644))
    assert bool(said) != fine
    if said:
        assert f"others can read '{link}' (mode {mode:04o}): chmod 600 {link}" in said


def test_both_are_accepted_where_the_configuration_says_so(tmp_path):
    """As for a container, whose files belong to the builder of its image."""
    top = "allow_readable_secrets = true"
    assert not problem(configuration(tmp_path, LITERAL, 0o644, top))
    secret = tmp_path / "secret"
    secret.write_text("hunter2x")
    secret.chmod(0o444)
    assert not problem(configuration(tmp_path, f'password = "file:{secret}"', 0o644, top))


def test_the_command_refuses_it_with_a_configuration_error(tmp_path, monkeypatch, capsys):
    """`check` and `run` alike."""
    monkeypatch.chdir(tmp_path)
    configuration(tmp_path, LITERAL, 0o644)
    for verb in ("check", "run"):
        assert main([verb]) == 78
        assert "chmod 600 sampler.toml" in capsys.readouterr().err


def test_a_file_without_secrets_may_be_read_by_all(tmp_path):
    """As most are."""
    file = tmp_path / "sampler.toml"
    file.write_text("[adapters.prometheus]\n")
    file.chmod(0o644)
    assert not problem(file)


def test_known_secrets_are_masked_in_the_log():
    """In messages, arguments, tracebacks and their causes; other records stay as they are."""
    remember("hunter2x")
    remember({"a": "tr0mbone", "b": ["xyl0phone"]})
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("sampler")
    logger.addHandler(handler)
    try:
        logger.error("%s and %r of %d", "hunter2x", ["tr0mbone"], 3)
        try:
            try:
                raise KeyError("xyl0phone")
            except KeyError as cause:
                raise ValueError("hunter2x") from cause
        except ValueError:
            logger.exception("it failed")
        logger.error("%d of %s", 3, "plain")
    finally:
        logger.removeHandler(handler)
    said = stream.getvalue()
    assert "(secret) and ['(secret)'] of 3" in said
    assert "ValueError: (secret)" in said
    assert "KeyError: '(secret)'" in said
    assert "3 of plain" in said
    for secret in ("hunter2x", "tr0mbone", "xyl0phone"):
        assert secret not in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("at https://me:pw@host/x", "at https://(secret)@host/x"),
        ("at 'http://me@host'", "at 'http://(secret)@host'"),
        ("mail me@host", "mail me@host"),
        ("https://host/@x and a@b", "https://host/@x and a@b"),
    ],
)
def test_user_and_password_of_a_url_are_masked(text, said):
    """Known or not."""
    assert masked(text) == said


@pytest.mark.parametrize("cut", range(280, 310))
def test_no_half_of_a_secret_is_left_where_a_text_is_cut(cut):
    """It is masked first."""
    remember("hunter2x-and-more")
    text = "." * cut + "hunter2x-and-more"
    for line in (masked_line(text), described(ValueError(text))):
        assert "hunt" not in line
        assert len(line) <= 300


@pytest.mark.parametrize("text", ["two\nlines", "\x1b[31mred", "\ud800", "\0", "\u202ereversed"])
def test_what_foreign_code_says_is_one_printable_line(text):
    """No control character, no lone surrogate."""
    line = masked_line(text)
    assert line.isprintable()
    assert ascii(text)[1:-1] == ascii(line)[1:-1].replace("\\\\", "\\")
    line.encode()


def test_longer_secrets_go_first_and_very_short_ones_are_not_masked():
    """A secret inside a longer one must not leave its rest readable; 'a' would mask everything."""
    remember("abcdef")
    remember("abcdefgh")
    remember("ab")
    assert masked("abcdefgh abcdef ab") == "(secret) (secret) ab"


def test_a_key_that_others_can_read_is_refused_without_a_file_of_ours(tmp_path):
    """A table that a program makes has no mode; the file that it names has one."""
    secret = tmp_path / "secret"
    secret.write_text("hunter2x")
    secret.chmod(0o644)
    table = {"adapters": {"pushgateway": {"username": "me", "password": f"file:{secret}"}}}
    with pytest.raises(ConfigurationError, match="others can read"):
        parse(table)
    assert parse({**table, "allow_readable_secrets": True})
