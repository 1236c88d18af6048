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

from sampler.testing import Broken, ConsumerContract
from tests.kits.consumers import Drafted
from tests.pep.clauses import DRAFT
from tests.pep.defects import DEFECTS

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

    class Suite(ConsumerContract):
        asynchronous = host == "two"
        patience = 3.0

        def consumer(self, samplers: Any, deadline: float) -> Any:
            if host == "draft":
                return Drafted(samplers, deadline, module.__dict__)
            return module.Consumer(samplers, deadline)

    return Suite


def findings(kit: type[ConsumerContract]) -> dict[str, str]:
    """Return what the kit says of a host, by the name of its test."""
    import pytest

    found = {}
    for name in dir(kit):
        if name.startswith("test_"):
            try:
                getattr(kit(), name)()
            except Broken as broken:
                found[name] = str(broken)
            except pytest.skip.Exception:
                continue
    return found


def main(defects: Iterable[Defect]) -> None:
    """Print a table of what is found."""
    warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads, from 3.12
    for host in HOSTS:
        began = time.monotonic()
        found = findings(suite(host))
        print(f"{'  ':8}{host:7}unspoiled: {found or 'passes'} ({time.monotonic() - began:.1f} s)")
    caught = 0
    for defect in defects:
        began = time.monotonic()
        said = findings(suite(defect.host, defect.patches)).values()
        named = any(each.startswith(defect.clause) for each in said)
        caught += named
        mark = "caught" if named else "OTHER" if said else "missed"
        seconds = time.monotonic() - began
        print(f"{mark:8}{defect.host:7}{defect.clause} {defect.what} ({seconds:.1f} s)")
        if said and not named:
            print(f"{'':8}  {next(iter(said))}")
    print(f"{caught} caught")


if __name__ == "__main__":
    words = sys.argv[1:]
    main(each for each in DEFECTS if not words or any(w in str(each) for w in words))
