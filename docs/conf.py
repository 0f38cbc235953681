"""Sphinx configuration; `make docs` builds with it."""

import re
import sys
from importlib.metadata import version as installed_version

from sphinx.application import Sphinx

project = "messaging-engine"
author = "The messaging-engine authors"
project_copyright = author
release = installed_version(project)

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = project

# Docstrings write code in single backticks.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_numpy_docstring = False
napoleon_use_ivar = True

nitpicky = True
nitpick_ignore_regex = [
    # The standard library is known by name: building needs no network, so no inventory is fetched.
    (r"py:.*", rf"({'|'.join(sys.stdlib_module_names)})\..*"),
    (r"py:.*", r"messaging_\w+\..*\.[A-Z]"),  # a type variable is nothing to link to
]


def render_fences(
    _app: Sphinx, _what: str, _name: str, _obj: object, _options: object, lines: list[str]
) -> None:
    """Turn the Markdown fences of a docstring into reStructuredText, which autodoc reads."""
    text = re.sub(
        r"^```(\w*)\n(.*?)^```$", as_directive, "\n".join(lines), flags=re.MULTILINE | re.DOTALL
    )
    lines[:] = text.splitlines()


def as_directive(fence: re.Match[str]) -> str:
    """Return the code block of one fence."""
    language, text = fence.groups()
    indented = re.sub(r"^(?=.)", "   ", text, flags=re.MULTILINE)
    return f".. code-block:: {language or 'text'}\n\n{indented}"


def setup(app: Sphinx) -> None:
    """Run before napoleon, which would read a fence as prose."""
    app.connect("autodoc-process-docstring", render_fences, priority=400)
