"""The implementations that are spoiled: loaded from their source, patched, and put before the kit.

``python -m tests.pep.hosts`` says which defects the kit finds.
"""

from __future__ import annotations

import ast
import re
import sys
import textwrap
import time
import warnings
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sampler.testing import ConsumerContract, RegistryContract
from tests.kits.consumers import DRAFT_LEAVES_OUT, Drafted, Earliest, without
from tests.kits.suite import broken
from tests.pep.clauses import DRAFT
from tests.pep.defects import DEFECTS, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.pep.defects import Defect

_FOLDER = Path(__file__).with_name("independent")
_BLOCK = re.compile(r"^\.\. code-block:: python\n\n((?:(?: {4}.*)?\n)+)", re.MULTILINE)
HOSTS = "one", "two", "draft"


def source(host: str) -> str:
    """Return the source of a host; of the draft, what its code defines before the rationale."""
    if host != "draft":
        return (_FOLDER / f"{host}.py").read_text("utf-8")
    normative = DRAFT.read_text("utf-8").split("\nRationale\n")[0]
    text = "".join(textwrap.dedent(match[1]) for match in _BLOCK.finditer(normative))
    lines = text.splitlines(keepends=True)
    kinds = ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef, ast.Assign
    kept = [each for each in ast.parse(text).body if isinstance(each, kinds) and _defines(each)]
    return "".join("".join(lines[each.lineno - 1 : each.end_lineno]) for each in kept)


def _defines(node: ast.stmt) -> bool:
    """Whether a statement defines something; an assignment, only of a constant."""
    if not isinstance(node, ast.Assign):
        return True
    return all(isinstance(each, ast.Name) and each.id.isupper() for each in node.targets)


def load(host: str, patches: Sequence[tuple[str, str]] = ()) -> ModuleType:
    """Return a host as a new module, with its patches."""
    text = source(host)
    for old, new in patches:
        assert old in text, f"{host} has no text {old!r}: write the defect anew"
        text = text.replace(old, new)
    module = ModuleType(f"{host}_{'spoiled' if patches else 'copy'}")
    sys.modules[module.__name__] = module  # dataclasses look there
    exec(compile(text, module.__name__, "exec"), module.__dict__)
    return module


def suite(host: str, patches: Sequence[tuple[str, str]] = ()) -> type[ConsumerContract]:
    """Return the kit for a host."""
    module = load(host, patches)
    seconds = _patience(patches)
    if host == "draft":
        return _drafted(module, seconds)

    class Kept(module.Consumer):  # type: ignore[misc, name-defined]
        """Keeps what its last pull brought."""

        def pull(self) -> Any:
            self.brought = super().pull()
            return self.brought

        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.began_with = getattr(self, "brought", None)

    class Suite(ConsumerContract):
        asynchronous = host == "two"
        forks = True
        limit = getattr(module, "LIMIT", None)
        patience = seconds

        def consumer(self, samplers: Any, deadline: float) -> Any:
            return Kept(samplers, deadline)

        def first(self, consumer: Any) -> Any:
            return consumer.began_with

        def beside(self, consumer: Any) -> Any:
            return Kept(consumer.samplers, _deadline(consumer))

        def refused(self, consumer: Any) -> Any:
            return dict(consumer.refused)

        def rates(self, consumer: Any) -> Any:
            return getattr(consumer, "rates", None)

        def configured(self, samplers: Any, deadline: float, settings: Any) -> Any:
            return Kept(samplers, deadline, settings)

        def registries(self, registries: Any, deadline: float) -> Any:
            return Kept(Earliest(registries), deadline)

    return Suite


def registry_suite(patches: Sequence[tuple[str, str]] = ()) -> type[RegistryContract]:
    """Return the kit for the independent registry."""
    module = load("one_registry", patches)

    class Suite(RegistryContract):
        patience = _patience(patches)

        def registry(self) -> Any:
            return module.Registry()

        def discover(self, registry: Any, *names: str) -> Any:
            return registry.discover(*names)

    return Suite


def _patience(patches: Sequence[tuple[str, str]]) -> float:
    """Return how long to wait for what may never come: not long where something is spoiled."""
    return 3.0 if patches else RegistryContract.patience


def _deadline(consumer: Any) -> float:
    """Return the seconds that a host's consumer gives each sampler."""
    found: float = vars(consumer).get("deadline") or consumer.environ["deadline"]
    return found


def _drafted(module: ModuleType, seconds: float) -> type[ConsumerContract]:
    class Suite(ConsumerContract):
        asynchronous = False
        patience = seconds

        def consumer(self, samplers: Any, deadline: float) -> Any:
            return Drafted(samplers, deadline, module.__dict__)

    without(Suite, DRAFT_LEAVES_OUT)
    return Suite


def main(defects: Iterable[Defect]) -> None:
    """Print a table of what is found."""
    warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads, from 3.12
    for host in HOSTS:
        began = time.monotonic()
        said = "; ".join(map(str, broken(suite(host)).values())) or "passes"
        print(f"{'':8}{host:7}unspoiled: {said} ({time.monotonic() - began:.1f} s)")
    caught = 0
    for defect in defects:
        began = time.monotonic()
        said = broken(suite(defect.host, defect.patches), defect.clause)
        named = defect.clause in said
        caught += named
        mark = "caught" if named else "OTHER" if said else "missed"
        seconds = time.monotonic() - began
        print(f"{mark:8}{defect.host:7}{defect.clause} {defect.what} ({seconds:.1f} s)")
        if said and not named:
            print(f"{'':8}  {next(iter(said.values()))}")
    print(f"{caught} caught")


if __name__ == "__main__":
    words = sys.argv[1:]
    main(each for each in DEFECTS + SECOND if not words or any(w in str(each) for w in words))
