"""Write pages with Jinja: every value is escaped, and a name that a view lacks is an error."""

from functools import cache
from pathlib import Path
from typing import Any, Final

from messaging_adapters.viewer.problems import Problem
from messaging_adapters.viewer.shell import Shell
from messaging_core.errors import MissingDependencyError

try:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
except ImportError as error:
    raise MissingDependencyError("jinja2", "viewer") from error

_FOLDER: Final = Path(__file__).parent / "templates"


@cache
def _templates() -> Environment:
    """Return the templates; each is read once in a process."""
    return Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def render_page(name: str, shell: Shell, view: Any) -> str:
    """Return a page as HTML."""
    return _render(f"{name}.html", shell=shell, view=view)


def render_problem(shell: Shell, problem: Problem, without: str | None) -> str:
    """Return a page about an error, with a link to the page without a wrong parameter."""
    return _render("problem.html", shell=shell, view=problem, without=without)


def _render(template: str, *, shell: Shell, **values: Any) -> str:
    values["urls"] = shell.urls
    return _templates().get_template(template).render(shell=shell, **values)
