"""What the pages tell a newcomer to do, done; and no link of theirs leads nowhere."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from urllib.request import urlopen

import pytest

from tests.examples.pages import PAGES, ROOT, blocks
from tests.support.command import environment, running
from tests.support.distributions import Site
from tests.support.ports import HOST, accepts, free_port
from tests.support.waiting import wait_for

_LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")


def run(*words, folder, env=None):
    """Run Python; return standard output."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=env or environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


def test_the_ten_lines_of_the_readme_print_what_it_says(tmp_path):
    """Typed into a file and run."""
    (_, _), (_, program), (_, printed), *_ = blocks(ROOT / "README.md")
    (tmp_path / "ten.py").write_text(program)
    assert run("ten.py", folder=tmp_path) == printed


def test_the_readme_names_its_two_commands_and_its_picture():
    """Literally; the picture asks no other host for anything."""
    text = (ROOT / "README.md").read_text("utf-8")
    assert "\n$ uv run sampler demo\n" in text
    assert "\n$ uv run pytest\n" in text
    assert "](docs/demo.svg)" in text
    assert "`uv run --group servers python -m tests.page.pictures`" in text
    picture = (ROOT / "docs/demo.svg").read_text("utf-8")
    assert "every&#160;number&#160;arrived" in picture
    shown = re.sub(r"http://127\.0\.0\.1:\d+/live/", "", picture)  # the page of that run
    assert set(re.findall(r"\w+://[^\s\"]+", shown)) == {
        "http://www.w3.org/2000/svg",
        "https://www.textualize.io",  # a comment of rich's
    }


def test_the_consumer_of_its_page_prints_what_it_says(tmp_path):
    """Typed into a file and run; it has about twenty lines."""
    (_, program), (_, printed) = blocks(ROOT / "docs/consumers.md")
    (tmp_path / "vendor.py").write_text(program)
    assert run("vendor.py", folder=tmp_path) == printed.removeprefix("$ python vendor.py\n")
    assert len([line for line in program.splitlines() if line.strip()]) <= 22


def test_a_program_that_knows_nothing_shows_the_numbers_of_a_library(tmp_path):
    """By the last commands of the page for authors: as a scraper and a viewer see them."""
    if not sys.platform.startswith("linux"):
        pytest.skip("`sampler run -- COMMAND` is for Linux")
    port, site = free_port(), Site(tmp_path / "site")
    files = {}
    for _, text in blocks(ROOT / "docs/for-library-authors.md"):
        if file := re.match(r"# (\S+\.(?:py|toml))\n", text):
            files[file[1]] = text
    site.install("mypool", {"mypool": "mypool.metrics:SAMPLER"}, files=files)
    settings = files["sampler.toml"] + f'listen = "{HOST}:{port}"\n'
    (tmp_path / "sampler.toml").write_text(settings)
    command = ("run", "--", sys.executable, "site/app.py")

    def page(path):
        with urlopen(f"http://{HOST}:{port}/{path}", timeout=20) as answer:
            return answer.read().decode()

    with running(*command, cwd=tmp_path, PYTHONPATH=str(site.folder)) as process:
        wait_for(lambda: accepts(port), what="the page", limit=30)
        wait_for(lambda: "mypool_checkouts_total" in page("metrics"), what="numbers", limit=30)
        assert "<html" in page("live/")
        wait_for(lambda: "mypool.checkouts" in page("live/series.json"), what="it", limit=30)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


@pytest.mark.parametrize("name", ["for-library-authors", "for-operators"])
def test_a_door_can_be_walked_through(name, tmp_path):
    """Its files are written, its commands run, and what they print is what it says."""
    for language, text in blocks(ROOT / f"docs/{name}.md"):
        if file := re.match(r"# (\S+\.(?:py|toml))\n", text):
            path = tmp_path / file[1]
            path.parent.mkdir(exist_ok=True)
            path.write_text(text.replace(":9464", ":0"))
        elif language == "toml" and not text.startswith("[project"):  # more of the same file
            with path.open("a") as settings:
                settings.write(text)
            run("-m", "sampler", "check", "--no-network", folder=tmp_path)
        for command, said in re.findall(
            r"^\$ sampler (.*)\n((?:[^$\n].*\n)*)", text, re.MULTILINE
        ):
            # ten seconds, and what serves until it is ended
            if language == "console" and not command.startswith("run "):
                found = run("-m", "sampler", *command.split(), folder=tmp_path)
                wanted = re.sub(r"\d+(?:\\\.\d+)?", r"[\\d.]+", re.escape(said))
                assert re.match(wanted, found), (command, found)


def test_every_page_can_be_reached_from_the_readme():
    """By links, in as many steps as it takes."""
    readme = ROOT / "README.md"
    found, ahead = {readme}, [readme]
    while ahead:
        page = ahead.pop()
        for file, _ in _LINK.findall(page.read_text("utf-8")):
            target = (page.parent / file).resolve()
            if target.suffix == ".md" and target not in found and target.exists():
                found.add(target)
                ahead.append(target)
    assert set(ROOT.glob("docs/*.md")) - found == set()


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_lead_somewhere(page):
    """Files that are there, and headings that they have."""
    prose = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for file, heading in _LINK.findall(prose):
        if "://" in file:
            continue
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), file
        if heading:
            titles = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
            marks = {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in titles}
            assert heading in marks, heading
