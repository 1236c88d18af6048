"""How the documentation is built: ``sphinx-build -W --keep-going -c docs . build/site``.

The source folder is the repository's, so a link from one file to another is the same on the site
and in a clone. Nothing is fetched while it is built or read.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "adapters"), str(ROOT / "docs/_ext")]

project = "sampler-api"
author = "The sampler-api authors"
project_copyright = author
release = version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "api",
    "clauses",
    "draft",
    "entrance",
    "words",
]
root_doc = "docs/index"
include_patterns = [
    "CHANGELOG.md",
    "README.md",
    "docs/**.md",
    "docs/made/**",
    "examples/**/*.md",
    "pep/README.md",
    "pep/pep-9999.rst",
]
exclude_patterns = [".*", "adapters", "build", "dist", "node_modules", "sampler", "tests"]
nitpicky = True
nitpick_ignore_regex = [
    # Python's own and other packages' names: no inventory is fetched.
    (r"py:.*", r"(?!sampler)[\w.~\[\]]+"),
]

source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
myst_enable_extensions = ["deflist", "colon_fence"]
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = "sampler-api"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_last_updated_fmt = None
html_theme_options = {"navigation_with_keys": True}
