"""Makes the pages of the Python API from docstrings, for the committed list of public names.

A name that several modules have is described once, where the list has it; the others lead there.
A public name that no page describes is a warning, and so is a reference to no name at all.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from clauses import renew
from sphinx.ext.napoleon import docstring
from sphinx.util.logging import getLogger
from sphinx.util.nodes import make_refnode

from sampler.agent.config.options import options

ROOT = Path(__file__).parents[2]
LISTED = ROOT / "tests/api/public.txt"
PAGES = {
    "sampler": ["sampler", "sampler.exceptions", "sampler.types"],
    "sampler.agent": ["sampler.agent"],
    "sampler.web": ["sampler.web"],
    "adapters": ["sampler_graphite", "sampler_statsd", "sampler_prometheus"],
    "sampler.samplers": ["sampler.samplers", "sampler.contrib"],
    "sampler.testing": ["sampler.testing", "sampler.validate"],
    "sampler.advise": ["sampler.advise"],
    "sampler.adapterkit": ["sampler.adapterkit"],
}
"""Titles of pages, and the modules on each, with those below them if no other page has these."""
DATA = [
    "sampler.ABSENT",
    "sampler.registry",
    "sampler.advise.UNDECIDED",
    *(f"sampler.agent.{name}" for name in ("DELIVERED", "MAX_BATCH", "Since", "UNCONFIRMED")),
    "sampler.agent.UNSUPPORTED",
    *(f"sampler.types.{name}" for name in ("Kind", "Labels", "Merge", "SampleValue", "Scope")),
]
"""Values and aliases that autodoc finds by name only."""
INSIDE = re.compile(
    r"sampler\.relay\.\w|sampler\.agent\.\w+\.|sampler\.(?:_|\w+\._)|sampler_\w+\._"
    r"|[\w.]+\.T$|[^(]* [^(]*"
)
"""Private names that signatures mention: shown, and no link."""
_log = getLogger(__name__)


def setup(app: Any) -> dict[str, Any]:
    """Make the pages; resolve other names of one object; see that every public name is there."""
    # "True when the law holds: ..." is a sentence about a property, and not a type.
    docstring.GoogleDocstring._parse_attribute_docstring = lambda _: []
    app.connect("builder-inited", lambda app: renew(Path(app.srcdir) / "docs/made/api", pages()))
    app.connect("autodoc-process-docstring", _help)
    app.connect("missing-reference", _other_name)
    app.connect("env-check-consistency", _complete)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


@cache
def listed() -> dict[str, str]:
    """Return each public name with the name under which it is described."""
    found = {}
    for line in LISTED.read_text("utf-8").splitlines():
        name = re.match(r"[\w.]+", line)[0]
        rest = line.removeprefix(f"{name} ")
        found[name] = rest.removeprefix("= ") if re.fullmatch(r"= sampler[\w.]+", rest) else name
    return found


def pages() -> dict[str, str]:
    """Return the text of each page, by file."""
    names = listed()
    modules = sorted({_module(name) for name in names if _importable(_module(name))})
    texts = {}
    for title, own in PAGES.items():
        here = [each for first in own for each in modules if _belongs(each, first)]
        parts = [title, "=" * len(title), ""]
        for module in here:
            others = {n: t for n, t in names.items() if _module(n) == module and n != t}
            excluded = ", ".join(name.rpartition(".")[2] for name in others)
            parts += [module, "-" * len(module), ""] if len(here) > 1 else []
            parts += [f".. automodule:: {module}", "   :members:", "   :undoc-members:"]
            parts += [f"   :exclude-members: {excluded}"] if excluded else []
            parts += [""]
            parts += [f".. autodata:: {name}\n" for name in DATA if _module(name) == module]
            if module == "sampler_prometheus":  # which imports it when it is asked for
                parts += [f".. autoclass:: {module}.SamplerCollector", "   :members:", ""]
            if others:
                parts += ["Also here, and described there:", ""]
                parts += [f"* ``{name}``: :py:obj:`{target}`" for name, target in others.items()]
                parts += [""]
        texts[f"{title}.rst"] = "\n".join(parts)
    below = [f"   {title}" for title in PAGES]
    head = ["Python API", "==========", "", "Made from docstrings.", "", ".. toctree::", ""]
    return {"index.rst": "\n".join([*head, *below, ""]), **texts}


@cache
def _importable(module: str) -> bool:
    """Say whether a module is here: some are for packages that are not installed everywhere."""
    try:
        import_module(module)
    except ImportError as error:
        _log.info("%s has no page: %s", module, error)
        return False
    return True


def _belongs(module: str, first: str) -> bool:
    firsts = {each for own in PAGES.values() for each in own}
    return module == first or (
        first != "sampler" and module.startswith(f"{first}.") and module not in firsts
    )


@cache
def _module(name: str) -> str:
    """Return the module of a dotted name, as far as files go."""
    words = name.split(".")
    for count in range(len(words), 0, -1):
        for above in (ROOT, ROOT / "adapters"):
            path = above.joinpath(*words[:count])
            if path.is_dir() or path.with_suffix(".py").is_file():
                return ".".join(words[:count])
    raise LookupError(name)


def _other_name(app: Any, env: Any, node: Any, shown: Any) -> Any:
    """Lead from another name of an object to where it is described."""
    if node.get("refdomain") != "py":
        return None
    domain, names = env.domains.python_domain, listed()
    wanted = node["reftarget"]
    module = node.get("py:module") or ""
    here = [wanted, f"{module}.{wanted}"]
    last = [name for name in names if name.endswith(f".{wanted}")]
    for name in [*here, *last]:
        target = names.get(name, name)
        if target in domain.objects:
            entry = domain.objects[target]
            from_, title = node["refdoc"], target
            return make_refnode(app.builder, from_, entry.docname, entry.node_id, shown, title)
    return shown if INSIDE.match(wanted) else None


def _help(_app: Any, what: str, name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    """Describe a field of an adapter as its option does."""
    if what == "attribute" and not lines:
        owner, _, field = name.rpartition(".")
        module = _module(name)
        kind = getattr(sys.modules.get(module), owner.removeprefix(f"{module}."), None)
        if isinstance(kind, type) and (option := options(kind).get(field)):
            lines.append(re.sub(r"([|*`_\\:])", r"\\\1", option.help))


def _complete(_app: Any, env: Any) -> None:
    described = env.domains.python_domain.objects
    modules = {module for own in PAGES.values() for module in own}
    for name, target in listed().items():
        module = _module(name)
        of_module = name.rpartition(".")[0] == module in modules  # others are of a class
        if of_module and _importable(module) and name == target and target not in described:
            _log.warning("%s is public, and no page describes it", name)
