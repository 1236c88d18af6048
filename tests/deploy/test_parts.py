"""Units, container file, manifests and configurations are what their own judges take."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.deploy.tools import DEPLOY, ROOT, package, program
from tests.support.command import sampler

UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
FILES = sorted(
    file
    for file in (ROOT / "examples").rglob("*.toml")
    if file.name != "pyproject.toml" and "talk" not in file.parts
)


def documents(file):
    """Return the documents of a manifest."""
    import yaml

    return list(yaml.safe_load_all(file.read_text()))


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    """The schema, as `sampler config schema` prints it."""
    file = tmp_path_factory.mktemp("schema") / "sampler.schema.json"
    file.write_text(sampler("config", "schema").stdout)
    return file


def embedded():
    """Return the configurations inside of manifests, by file and key."""
    return {
        f"{file.name}: {key}": text
        for file in MANIFESTS
        for document in documents(file)
        if document["kind"] == "ConfigMap"
        for key, text in document["data"].items()
        if key.endswith(".toml")
    }


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_finds_nothing_wrong_with_a_unit(request, tmp_path, unit):
    """It says so on standard error, whatever its exit status; its program is this machine's."""
    judge = program(request, "systemd-analyze")
    text = re.sub(r"/(?:opt/sampler|srv/shop/venv)/bin/\w+", sys.executable, unit.read_text())
    assert sys.executable in text
    copy = tmp_path / unit.name
    copy.write_text(text)
    done = subprocess.run(
        [judge, "verify", "--man=no", str(copy)], capture_output=True, text=True, timeout=60
    )
    assert [line for line in done.stderr.splitlines() if unit.name in line] == []


def test_systemd_would_say_what_is_wrong(request, tmp_path):
    """A key that it does not know, as a check of the check."""
    judge = program(request, "systemd-analyze")
    copy = tmp_path / "wrong.service"
    copy.write_text(f"[Service]\nExecStart={sys.executable}\nKillMod=mixed\n")
    done = subprocess.run(
        [judge, "verify", "--man=no", str(copy)], capture_output=True, text=True, timeout=60
    )
    assert "KillMod" in done.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_calls_the_command_as_it_is(unit):
    """With options that there are, and a configuration that lies beside the unit."""
    (line,) = re.findall(r"^ExecStart=(.*)$", unit.read_text(), re.MULTILINE)
    words = shlex.split(line)
    assert Path(words[0]).name == "sampler"
    assert words[1:3] == ["run", "-c"]
    beside = DEPLOY / "systemd" / ("sampler.toml" if "--" not in words else "shop.toml")
    done = sampler("check", "-c", str(beside), "--no-network")
    assert done.returncode == 0, done.stderr


def test_hadolint_finds_nothing_wrong_with_the_container_file(request):
    """With every rule that it has, warnings and hints included."""
    judge = program(request, "hadolint")
    file = DEPLOY / "container/Containerfile"
    done = subprocess.run(
        [judge, "--no-color", "--failure-threshold", "style", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda manifest: manifest.name)
@pytest.mark.parametrize("version", ["1.29", "1.37"])
def test_kubernetes_knows_every_key_of_a_manifest(request, manifest, version):
    """From the first version whose sidecars are on by default to the newest that is known."""
    judge = package(request, "kubernetes_validate")
    kinds = []
    for document in documents(manifest):
        judge.validate(document, version, strict=True)
        kinds.append(document["kind"])
    assert "Deployment" in kinds


def test_probes_ask_for_paths_that_the_page_has(request):
    """And each container that has one listens where it is asked."""
    package(request, "yaml")
    asked = set()
    for file in MANIFESTS:
        text = file.read_text()
        asked |= set(re.findall(r"path: (/-/\w+), port: metrics", text))
        assert "containerPort: 9464" in text
        assert 'listen = "0.0.0.0:9464"' in text
    assert asked == {"/-/ready", "/-/healthy"}


def test_a_pod_has_time_for_all_that_its_end_takes(request):
    """For preStop, the server's own time and the last flush."""
    package(request, "yaml")
    for file in MANIFESTS:
        (pod,) = [each["spec"]["template"] for each in documents(file) if "template" in str(each)]
        grace = pod["spec"]["terminationGracePeriodSeconds"]
        text = file.read_text()
        needed = sum(map(int, re.findall(r'command: \["sleep", "(\d+)"\]', text)))
        needed += sum(map(int, re.findall(r"graceful_timeout = (\d+)", text)))
        assert grace >= needed + 5 + 5


def test_the_schema_takes_every_configuration(request, schema):
    """What editors check with, by the program that others check with."""
    judge = program(request, "check-jsonschema")
    assert len(FILES) > 4
    done = subprocess.run(
        [judge, "--schemafile", str(schema), *map(str, FILES)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_schema_is_one(request, schema, tmp_path):
    """By its own schema; and a mistake is found where it is."""
    judge = program(request, "check-jsonschema")
    done = subprocess.run(
        [judge, "--check-metaschema", str(schema)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    wrong = tmp_path / "sampler.toml"
    wrong.write_text("[adapters.graphite]\nprot = 1\n")
    done = subprocess.run(
        [judge, "--schemafile", str(schema), str(wrong)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "'prot' was unexpected" in done.stdout


def test_configurations_inside_of_manifests_are_right(request, tmp_path):
    """As `sampler check` says."""
    package(request, "yaml")
    found = embedded()
    assert len(found) == len(MANIFESTS)
    for where, text in found.items():
        file = tmp_path / "sampler.toml"
        file.write_text(text)
        tomllib.loads(text)
        done = sampler("check", "-c", str(file), "--no-network")
        assert done.returncode == 0, f"{where}: {done.stderr}"


def test_the_container_file_copies_what_there_is():
    """Of files that lie beside it; the application and the wheels are the reader's."""
    text = (DEPLOY / "container/Containerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(\S+) ", text, re.MULTILINE)
    theirs = {"wheels/", "shop/"}
    for name in set(copied) - theirs:
        assert (DEPLOY / "container" / name).is_file(), name
    command = json.loads(re.findall(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)[0])
    assert command == ["sampler", "run", "-c", "/etc/shop/sampler.toml", "--"]
    done = sampler("check", "-c", str(DEPLOY / "container/sampler.toml"), "--no-network")
    assert done.returncode == 0, done.stderr
