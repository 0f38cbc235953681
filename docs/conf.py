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

myst_heading_anchors = 3

html_theme = "furo"
html_title = project

# Docstrings write code in single backticks.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_numpy_docstring = False
napoleon_use_ivar = True

nitpicky = True
nitpick_ignore = [
    ("py:class", "Body"),  # within the union that it names
    # Internal types in signatures of public parts; the reference describes them in a sentence.
    ("py:class", "messaging_core.acceptance.acceptor.MessageAcceptor"),
    ("py:class", "messaging_core.acceptance.writer.MessageWriter"),
    ("py:class", "messaging_core.receipts.inbox.ReceiptInbox"),
    ("py:class", "messaging_adapters.config.database.PostgresServer"),
    ("py:class", "messaging_adapters.config.limits.Limit"),
    ("py:class", "messaging_adapters.config.media.MediaSettings"),
    ("py:class", "messaging_adapters.http_clients._client.ConnectingClient"),
    ("py:class", "messaging_core.document_stores.store.DocumentStore"),
    ("py:class", "messaging_adapters.config.settings.Settings"),
    ("py:class", "messaging_adapters.transports.composition._shared_bucket.Turn"),
    ("py:class", "messaging_core.templates.resolver.TemplateResolver"),
    ("py:class", "messaging_core.decisions.delivery.fairness.Id"),  # a type variable
    ("py:class", "P"),  # the same
    ("py:class", "messaging_adapters.receipts.form_body.FormBody"),
    ("py:class", "messaging_adapters.templates.handlebars._HandlebarsTemplate"),
    ("py:class", "Logger"),  # of the standard library, imported on first use
]
nitpick_ignore_regex = [
    # The standard library is known by name: building needs no network, so no inventory is fetched.
    (r"py:.*", rf"({'|'.join(sys.stdlib_module_names)})\..*"),
    (r"py:.*", r"messaging_\w+\..*\.[A-Z](_co)?"),  # a type variable is nothing to link to
    (
        r"py:.*",
        r"(_pytest|cattrs|cryptography|opentelemetry|starlette)\..*",
    ),  # the same as for the standard library
]


def render_docstring(
    _app: Sphinx, what: str, _name: str, _obj: object, _options: object, lines: list[str]
) -> None:
    """Turn a docstring into what napoleon reads as it was meant.

    Fences of Markdown become directives. Types stand in signatures only, so a colon in the first
    line of an attribute or of `Returns` separates no type from a description.
    """
    text = re.sub(
        r"^```(\w*)\n(.*?)^```$", as_directive, "\n".join(lines), flags=re.MULTILINE | re.DOTALL
    )
    text = re.sub(r"^(Returns|Yields):\n( +)", r"\1:\n\2: ", text, flags=re.MULTILINE)
    lines[:] = (f": {text}" if what in {"attribute", "data", "property"} else text).splitlines()


def as_directive(fence: re.Match[str]) -> str:
    """Return the code block of one fence."""
    language, text = fence.groups()
    indented = re.sub(r"^(?=.)", "   ", text, flags=re.MULTILINE)
    return f".. code-block:: {language or 'text'}\n\n{indented}"


def setup(app: Sphinx) -> None:
    """Run before napoleon, which would read a fence as prose."""
    app.connect("autodoc-process-docstring", render_docstring, priority=400)
